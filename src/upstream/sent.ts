/**
 * What an upstream says of a request it refuses may repeat what it was sent. Quoted from there, credentials must not go
 * on to logs and clients, whatever header they stand in.
 */
import { REDACTED } from '../lib/secrets.ts';

export interface Sent {
  /** Path and query. */
  readonly path: string;
  /** Flat list. */
  readonly headers: readonly string[];
}

/** Their values say what was asked, not by whom. */
const HARMLESS =
  /^(?:accept(?:-.*)?|cache-control|connection|content-.*|host|last-event-id|mcp-method|mcp-name|mcp-protocol-version|origin|referer|traceparent|tracestate|user-agent)$/i;
/** Shorter ones stand in texts by chance. */
const SHORTEST = 6;

/** `text` without values that were sent. */
export function withoutSent(text: string, sent: Sent | undefined): string {
  if (!sent || text === '') return text;
  const values = [...headerValues(sent.headers), ...queryValues(sent.path)]
    .filter(({ length }) => length >= SHORTEST)
    .sort((one, other) => other.length - one.length);
  return values.reduce((shown, value) => shown.replaceAll(value, REDACTED), text);
}

function headerValues(headers: readonly string[]): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    if (HARMLESS.test(name)) continue;
    values.push(value);
    if (/^cookie$/i.test(name)) values.push(...cookieValues(value));
    else values.push(...withoutScheme(value));
  }
  return values;
}

function withoutScheme(value: string): string[] {
  const [, scheme = '', credentials = ''] = /^(\S+) +(.+)$/.exec(value) ?? [];
  if (!/^basic$/i.test(scheme)) return [credentials];
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return [credentials, pair, pair.slice(0, Math.max(0, colon)), pair.slice(colon + 1)];
}

function cookieValues(value: string): string[] {
  return value.split(/; */).map((pair) => pair.slice(pair.indexOf('=') + 1));
}

/** As they were written, and as they were meant. */
function queryValues(path: string): string[] {
  const query = path.slice(path.indexOf('?') + 1);
  if (query.length === path.length) return [];
  return [
    ...query.split('&').map((pair) => pair.slice(pair.indexOf('=') + 1)),
    ...new URLSearchParams(query).values(),
  ];
}
