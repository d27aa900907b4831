/**
 * Every difference the gateway is meant to make, with its reason. Whatever is not listed is a defect, and an entry
 * that explains nothing in a whole run of our own upstream is stale: both fail the run.
 */
import type { Case, Way } from './case.ts';
import type { Mismatch } from './compare.ts';
import { compact } from './members.ts';

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** Absent: all. */
  readonly ways?: readonly Way[];
  /** Whether a mismatch is exactly this difference. */
  explains(mismatch: Mismatch, one: Case): boolean;
}

export const differences: readonly Difference[] = [
  {
    name: 'white space between tokens',
    reason:
      'stdio and SSE carry one message per line, and a line end inside forwarded text would smuggle in a second message: ' +
      'white space between tokens may be taken out on any way, strings and numbers stay as they are',
    explains: ({ direct, through }) =>
      direct !== undefined && through !== undefined && compact(direct) === compact(through),
  },
  {
    name: 'events nobody knows travel on the listening stream',
    reason:
      'progress and logs go with the call they belong to; a notification that the protocol does not define may concern ' +
      'the whole session, so it goes where it is seen whether the call still runs or not',
    explains: ({ label, through }, { name }) =>
      name === 'an event nobody knows' && label.startsWith('stream of event') && through === 'listening',
  },
  {
    name: 'names and URIs carry the name of their target',
    reason:
      'where several targets are one server, tools and prompts are `target_name` and resources `target+uri`',
    ways: ['merged'],
    explains: ({ direct, through }) =>
      direct !== undefined && through !== undefined && native(through) === direct,
  },
  {
    name: 'what no target offers is answered by the gateway',
    reason: 'among several targets there is none to ask about a name or a method that none of them has',
    ways: ['merged'],
    explains: ({ label, through }, { group, method }) =>
      (group === 'mistakes' || method === 'vendor.example/custom') &&
      ((label === 'error' && /^\{"code":-3260[12],/.test(through ?? '')) ||
        (label === 'result' && through === undefined)),
  },
];

/** What a client of several targets sees, as the target `raw` itself spelled it. */
function native(text: string): string {
  return text.replaceAll(/("name":")raw_/g, '$1').replaceAll(/("(?:uri|uriTemplate)":")raw\+/g, '$1');
}

/** The other way round, for requests: only names and URIs of our upstream are touched. */
export function exposed(params: string): string {
  return params
    .replace(/("name"\s*:\s*")(script|received|greet|no-such-tool)"/, '$1raw_$2"')
    .replace(/("uri"\s*:\s*")(raw:)/, '$1raw+$2');
}
