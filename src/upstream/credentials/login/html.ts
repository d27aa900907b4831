/** The few pages that people see. Plain HTML without scripts; whatever is not ours is escaped. */
import { createHash } from 'node:crypto';
import type { Reply } from '../../../core/exchange.ts';
import { Flow } from '../../../lib/flow.ts';
import type { Undertaking } from './desk.ts';

const STYLE =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}' +
  'button{font:inherit;padding:.5rem 1.5rem}dt{color:#666}dd{margin:0 0 .75rem;font-weight:600;overflow-wrap:anywhere}' +
  '@media(prefers-color-scheme:dark){body{background:#111;color:#eee}dt{color:#aaa}}';

/** No form-action: browsers hold it against the redirects that follow too, and where those lead is not known. */
const POLICY = (): string => {
  const style = createHash('sha256').update(STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; frame-ancestors 'none'`;
};

export interface PageOptions {
  readonly status?: number;
  /** Flat list. */
  readonly headers?: readonly string[];
}

/** `body`: HTML. */
export function page(title: string, body: string, { status = 200, headers = [] }: PageOptions = {}): Reply {
  const html =
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>` +
    '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">' +
    `<style>${STYLE}</style></head><body><h1>${escaped(title)}</h1>${body}</body></html>`;
  return {
    status,
    headers: [...COMMON(), 'content-type', 'text/html; charset=utf-8', ...headers],
    body: Flow.of(html),
  };
}

/** See other: the browser goes on with GET, whatever it came with. */
export function goTo(url: URL): Reply {
  return { status: 303, headers: [...COMMON(), 'location', url.href], body: Flow.empty() };
}

const COMMON = (): string[] => [
  'cache-control',
  'no-store',
  'content-security-policy',
  POLICY(),
  // To the gateway itself alone: without any, browsers send no Origin with the form either.
  'referrer-policy',
  'same-origin',
  'x-content-type-options',
  'nosniff',
  'x-frame-options',
  'DENY',
  'cross-origin-opener-policy',
  'same-origin',
];

export function confirmation(
  { person, server, authority }: Undertaking,
  { id, proof }: { id: string; proof: string },
): string {
  return (
    '<p>An MCP client has asked this gateway to use a server that wants a login.</p>' +
    `<dl><dt>Server</dt><dd>${escaped(server)}</dd>` +
    `<dt>Whoever may use your account there from now on</dt><dd>${escaped(person)}</dd>` +
    `<dt>You will log in at</dt><dd>${escaped(authority)}</dd></dl>` +
    '<p><strong>Go on only if you have asked for this yourself, just now, in your own client.</strong> ' +
    'If somebody has sent you this link, close this page: they would get to use your account.</p>' +
    `<form method="post"><input type="hidden" name="id" value="${escaped(id)}">` +
    `<input type="hidden" name="proof" value="${escaped(proof)}">` +
    `<button type="submit">Continue to ${escaped(authority)}</button></form>`
  );
}

export function connected({ person, server }: Undertaking): string {
  return (
    `<p><strong>${escaped(person)}</strong> can use <strong>${escaped(server)}</strong> now.</p>` +
    '<p>You may close this window and go back to your client.</p>'
  );
}

export function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);
}
