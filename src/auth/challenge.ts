/** Challenges of the Bearer scheme (RFC 6750 section 3, RFC 9728 section 5.1): made, looked into, completed. Pure. */

export interface BearerChallenge {
  /** URL of the metadata of the resource. */
  readonly metadata?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** What is wrong with what was presented; undefined: nothing was. */
  readonly problem?: string | undefined;
}

export function bearerChallenge({ metadata, scopes = [], problem }: BearerChallenge = {}): string {
  const parameters = [
    ...(metadata === undefined ? [] : [`resource_metadata=${quotedString(metadata)}`]),
    ...(scopes.length === 0 ? [] : [`scope=${quotedString(scopes.join(' '))}`]),
    ...(problem === undefined ? [] : ['error="invalid_token"', `error_description=${quotedString(problem)}`]),
  ];
  return parameters.length === 0 ? 'Bearer' : `Bearer ${parameters.join(', ')}`;
}

export function quotedString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

const METADATA = /([\s,]resource_metadata\s*=\s*)(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/i;

/** What the challenge names as metadata of the resource. */
export function metadataOf(challenge: string): string | undefined {
  const [, , quoted, plain] = METADATA.exec(challenge) ?? [];
  return quoted?.replace(/\\(.)/g, '$1') ?? plain;
}

/** With that metadata named instead of what it names. */
export function withMetadata(challenge: string, metadata: string): string {
  if (METADATA.test(challenge))
    return challenge.replace(METADATA, (_, before: string) => `${before}${quotedString(metadata)}`);
  const mine = `resource_metadata=${quotedString(metadata)}`;
  const rest = challenge.slice('Bearer'.length).trim();
  return rest === '' ? `Bearer ${mine}` : `Bearer ${mine}, ${rest}`;
}

export function isBearer(challenge: string): boolean {
  return /^bearer(?:\s|$)/i.test(challenge);
}

/** A flat list of headers with each of its challenges changed. */
export function changedChallenges(
  headers: readonly string[],
  change: (challenge: string) => string,
): readonly string[] {
  let changed: string[] | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if ((headers[at] as string).toLowerCase() !== 'www-authenticate') continue;
    const before = headers[at + 1] as string;
    const after = change(before);
    if (after === before) continue;
    changed ??= [...headers];
    changed[at + 1] = after;
  }
  return changed ?? headers;
}
