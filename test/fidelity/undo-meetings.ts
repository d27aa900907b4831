/** Steps back from how servers introduce themselves, and from what several targets are together. See `undo.ts`. */
import { isDeepStrictEqual } from 'node:util';
import { erasOf, type Place } from './case.ts';
import { member, replaced, without } from './members.ts';
import { GATEWAY, onTexts, REVISION, type Step, utf8, when, withoutTasks } from './steps.ts';

/** Of the server's era: it is neither told of them, nor is what it says of them passed on. */
export const tasks: Step = (mismatch, { place }) => {
  const { label, direct } = mismatch;
  const { server } = erasOf(place.pair);
  if (direct === undefined) return mismatch;
  if (label === 'received params' && server === 'legacy')
    return { ...mismatch, direct: without(direct, 'task') };
  if (label === 'opening capabilities' || label === 'opened capabilities')
    return { ...mismatch, direct: withoutTasks(direct, server) };
  return mismatch;
};

export const keptDiscovery: Step = onTexts('opening others', ({ direct, through }) =>
  member(through, 'ttlMs') === '0' ? { direct: replaced(direct, 'ttlMs', '0') } : {},
);

const SPOKEN = '["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05","2024-10-07"]';

export const revisions: Step = (mismatch, { place }) => {
  const { client, server } = erasOf(place.pair);
  const wanted: Readonly<Record<string, string>> = {
    'opening revision': client === 'modern' ? SPOKEN : '"2025-11-25"',
    'opened revision': `"${REVISION[server]}"`,
  };
  return mismatch.through !== undefined && mismatch.through === wanted[mismatch.label]
    ? { ...mismatch, through: mismatch.direct }
    : mismatch;
};

/** Nothing of the server's but what has its own label; for a modern client, the members every result has. */
export const introduction: Step = (mismatch, { place }) => {
  const wanted: Readonly<Record<string, string>> = { 'opening others': restOf(place), 'opening _meta': '{}' };
  const meant = mismatch.through !== undefined && mismatch.through === wanted[mismatch.label];
  return meant ? { ...mismatch, through: mismatch.direct } : mismatch;
};

/** As the target `raw` itself spells them. Requests and headers are spelled by the client, all else by the gateway. */
export const targetNames: Step = (mismatch) => {
  const { label, direct, through } = mismatch;
  if (label === 'header mcp-name') return { ...mismatch, direct: direct?.replace(/^raw[_+]/, '') };
  if (label.startsWith('received')) return { ...mismatch, direct: direct && native(direct) };
  return { ...mismatch, through: through && native(through) };
};

function native(text: string): string {
  return text
    .replaceAll(/("name":\s*")raw_/g, '$1')
    .replaceAll(/("(?:uri|uriTemplate|taskId)":")raw\+/g, '$1');
}

/** All that a list of several targets says beside its entries. */
export const mergedRest: Step = when('page', ({ through }, { place }) => through === restOf(place));

/** What the gateway says with a result of its own. */
const restOf = ({ pair }: Place): string =>
  erasOf(pair).client === 'modern' ? '{"resultType":"complete","ttlMs":0,"cacheScope":"private"}' : '{}';

const same = (a: string | undefined, b: unknown): boolean =>
  a !== undefined && isDeepStrictEqual(JSON.parse(utf8(a)), b);

/** The neighbour has no instructions, and no capability that ours lacks. */
export const mergedOpening: Step = (mismatch, { place }) => {
  const { label, direct = 'null', through } = mismatch;
  if (!label.startsWith('opening')) return mismatch;
  const said: unknown = JSON.parse(utf8(direct));
  const joined = (): unknown => {
    const modern = erasOf(place.pair).client === 'modern';
    const shared = withoutTasks(direct, 'legacy');
    return JSON.parse(modern ? shared : withoutTasks(shared, 'modern'));
  };
  const meant: Readonly<Record<string, () => boolean>> = {
    'opening capabilities': () => same(through, joined()),
    'opening server': () => GATEWAY.test(through ?? ''),
    'opening instructions': () => same(through, `# raw\n\n${String(said)}`),
    'opening _meta': () => through === '{}',
    'opening others': () => through === restOf(place),
  };
  return meant[label]?.() ? { ...mismatch, through: mismatch.direct } : mismatch;
};

const NOBODYS: Readonly<Record<string, string>> = {
  'no-such-tool':
    '{"code":-32602,"message":"Unknown tool: raw_no-such-tool","data":{"code":"UNKNOWN_ITEM","retryable":false}}',
  'vendor.example/custom': unknownMethod('vendor.example/custom'),
  'no/such/method': unknownMethod('no/such/method'),
};

function unknownMethod(method: string): string {
  return `{"code":-32601,"message":"Method not found: ${method}","data":{"code":"METHOD_NOT_FOUND","retryable":false}}`;
}

export const nobodysBusiness: Step = (mismatch, { one, pairing }) => {
  const about = one.params.includes('no-such-tool') ? 'no-such-tool' : one.method;
  const wanted = NOBODYS[about];
  const meant = wanted !== undefined && pairing.through.get('error') === wanted;
  return meant && mismatch.label !== 'status' ? { ...mismatch, through: mismatch.direct } : mismatch;
};
