/** What servers and clients say of themselves when they meet, told alike for both eras. */
import type { Era } from '../../src/mcp/revisions.ts';
import { IDENTITY, type Reply } from './client.ts';
import { member, without } from './members.ts';
import type { Outcome, Pairing } from './outcome.ts';

/** Our upstream, as it calls itself. */
export const SERVER = '{"name":"fidelity","version":"1","x-unknown":[1.0]}';

export const SDK_SERVER = '{"name":"everything-fixture","title":"Everything fixture","version":"1.0.0"}';

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
const OPENING = [
  'capabilities',
  'serverInfo',
  'instructions',
  'protocolVersion',
  'supportedVersions',
  '_meta',
];

/** Of the answer to `initialize` or to `server/discover`. */
export function openingLabels({ status, answer = '{}' }: Reply): Outcome {
  const result = member(answer, 'result');
  if (result === undefined) return new Map([['opening', `${status} ${answer}`]]);
  const meta = member(result, '_meta') ?? '{}';
  return labels({
    'opening capabilities': member(result, 'capabilities'),
    'opening server': member(result, 'serverInfo') ?? member(meta, SERVER_INFO),
    'opening instructions': member(result, 'instructions'),
    'opening revision': member(result, 'protocolVersion') ?? member(result, 'supportedVersions'),
    'opening _meta': without(meta, SERVER_INFO),
    'opening others': OPENING.reduce(without, result),
  });
}

/** What a legacy server was told in `initialize`, with what the client says of itself in its own era. */
export function openedLabels(client: Era, initialize: string): Pairing {
  const params = member(initialize, 'params') ?? '{}';
  const direct = labels({
    'opened capabilities': IDENTITY.capabilities,
    'opened client': IDENTITY.info,
    'opened revision': client === 'modern' ? '"2026-07-28"' : '"2025-11-25"',
    'opened others': '{}',
  });
  const through = labels({
    'opened capabilities': member(params, 'capabilities'),
    'opened client': member(params, 'clientInfo'),
    'opened revision': member(params, 'protocolVersion'),
    'opened others': ['capabilities', 'clientInfo', 'protocolVersion'].reduce(without, params),
  });
  return { direct, through };
}

function labels(found: Readonly<Record<string, string | undefined>>): Outcome {
  return new Map(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
