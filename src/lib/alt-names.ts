/** The alternative names of a certificate, as Node writes them: `DNS:a.test, URI:spiffe://a/b, IP Address:10.0.0.1`. */

export type AltNameKind = 'DNS' | 'URI' | 'IP Address';

/** Node quotes as JSON what could be read as two names. */
const ALT_NAME = /(DNS|URI|IP Address|[^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/gy;

export function altNames(text: string | undefined, kinds: readonly AltNameKind[]): string[] {
  const names: string[] = [];
  for (const [, kind, quoted, plain] of (text ?? '').matchAll(ALT_NAME)) {
    if (kinds.includes(kind as AltNameKind))
      names.push(quoted === undefined ? (plain as string) : String(JSON.parse(quoted)));
  }
  return names;
}
