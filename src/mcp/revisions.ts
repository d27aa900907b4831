/** The published protocol revisions this gateway speaks, newest first, and what differs between them here. */

/**
 * `legacy`: a handshake, sessions, requests in both directions (up to 2025-11-25). `modern`: each request speaks for
 * itself, and a server that needs something of the client answers `input_required` (from 2026-07-28).
 */
export type Era = 'legacy' | 'modern';

export const MODERN_REVISION = '2026-07-28';
export const LEGACY_REVISIONS = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
] as const;
export const LATEST_LEGACY = LEGACY_REVISIONS[0];

/** What a client may speak here, whatever the servers behind speak. */
export const REVISIONS: readonly string[] = [MODERN_REVISION, ...LEGACY_REVISIONS];

/** What a request without a revision and without a session is taken to speak (streamable HTTP, 2025-06-18). */
export const DEFAULT_REVISION = '2025-03-26';

/** Whether a revision, known or not, is of the modern kind: revisions are dates. */
export function isModern(version: string): boolean {
  return version >= MODERN_REVISION && /^\d{4}-\d\d-\d\d/.test(version);
}

export function isLegacyRevision(version: string): boolean {
  return (LEGACY_REVISIONS as readonly string[]).includes(version);
}

/** The older of two revisions: they are dates, so text order is age order. */
export function olderRevision(a: string, b: string): string {
  return a < b ? a : b;
}

/** JSON-RPC batches exist in this revision alone (removed by 2025-06-18). */
export function allowsBatch(version: string): boolean {
  return version === '2025-03-26';
}

/** Older clients cannot parse an SSE event with empty data, so priming events are sent from this revision on. */
export function wantsPriming(version: string): boolean {
  return version >= '2025-11-25';
}
