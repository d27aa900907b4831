/** Requests of revision 2026-07-28 that are right, nearly right, or far from it. */
import fc from 'fast-check';
import { json, member, text } from './arbitraries.ts';

export const PREFIX = 'io.modelcontextprotocol/';
export const MODERN = '2026-07-28';
const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} };
export const ENVELOPE = {
  [`${PREFIX}protocolVersion`]: MODERN,
  [`${PREFIX}clientCapabilities`]: CAPABILITIES,
  [`${PREFIX}clientInfo`]: { name: 'stranger', version: '1' },
};

const METHODS = [
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/list',
  'completion/complete',
  'subscriptions/listen',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'notifications/cancelled',
  'notifications/initialized',
];

const NAMES = ['one_echo', 'two_echo', 'three_echo', 'one_greet', 'nothing'];
const URIS = ['one+raw://one', 'three+raw://one', '+', 'ui://one+x'];

const meta = fc.record(
  {
    [`${PREFIX}protocolVersion`]: member(fc.constantFrom(MODERN, MODERN, MODERN, '2025-11-25', '2027-01-01')),
    [`${PREFIX}clientCapabilities`]: member(fc.constantFrom({}, CAPABILITIES)),
    [`${PREFIX}clientInfo`]: member(fc.constant({ name: 'stranger', version: '1' })),
    [`${PREFIX}logLevel`]: member(fc.constantFrom('debug', 'error')),
    [`${PREFIX}subscriptionId`]: json,
    progressToken: json,
    traceparent: json,
    extra: json,
  },
  { requiredKeys: [] },
);

const filter = fc.record(
  {
    toolsListChanged: member(fc.boolean()),
    resourceSubscriptions: member(fc.array(fc.constantFrom(...URIS), { maxLength: 3 })),
    taskIds: member(fc.array(text, { maxLength: 3 })),
  },
  { requiredKeys: [] },
);

/** `odd`: how likely each member is something else than it is meant to be. */
export const requests = (odd: number): fc.Arbitrary<unknown> => {
  const usual = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 10 - odd, arbitrary }, { weight: odd, arbitrary: json });
  const params = fc.record(
    {
      name: usual(fc.constantFrom(...NAMES)),
      arguments: usual(fc.constant({})),
      uri: usual(fc.constantFrom(...URIS)),
      taskId: usual(text),
      cursor: json,
      ref: usual(fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource'), name: text, uri: text })),
      notifications: usual(filter),
      requestState: usual(text),
      inputResponses: usual(fc.dictionary(fc.constantFrom('q1', 'q2', '__proto__'), json)),
      task: json,
      _meta: fc.oneof(
        { weight: 10 - odd, arbitrary: fc.constant(ENVELOPE) },
        { weight: odd, arbitrary: fc.oneof(meta, json) },
      ),
    },
    { requiredKeys: odd > 1 ? [] : ['_meta'] },
  );
  return fc.record(
    {
      jsonrpc: odd > 1 ? usual(fc.constant('2.0')) : fc.constant('2.0'),
      id: usual(fc.oneof(fc.nat(), text)),
      method: usual(fc.constantFrom(...METHODS)),
      params: odd > 1 ? usual(params) : params,
    },
    { requiredKeys: odd > 1 ? ['jsonrpc', 'method'] : ['jsonrpc', 'method', 'params'] },
  );
};
