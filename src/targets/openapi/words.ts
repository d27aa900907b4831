/** What an API says as an MCP server, in either era: greetings, lists, and how a modern result begins. */
import { notificationMessage } from '../../lib/json-rpc.ts';
import { cachingMembers } from '../../mcp/caching.ts';
import { type Era, isLegacyRevision, LATEST_LEGACY, MODERN_REVISION } from '../../mcp/revisions.ts';
import type { Description } from './api.ts';

type Params = Readonly<Record<string, unknown>>;

const CAPABILITIES = { tools: { listChanged: true } };
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const COMPLETE = Buffer.from('{"resultType":"complete",');
/** The list is the same for everybody, and whoever listens hears of changes. */
const CACHING = Buffer.from(`{${cachingMembers({ ttlMs: 0, scope: 'public' })},`);

/** Of initialize. */
export function introduction(description: Description, { protocolVersion }: Params): Buffer {
  const { title: name, version, instructions } = description;
  const known = typeof protocolVersion === 'string' && isLegacyRevision(protocolVersion);
  const revision = known ? protocolVersion : LATEST_LEGACY;
  const serverInfo = { name, version };
  return json({ protocolVersion: revision, capabilities: CAPABILITIES, serverInfo, instructions });
}

/** Of server/discover. */
export function discovery({ title: name, version, instructions }: Description): Buffer {
  const _meta = { 'io.modelcontextprotocol/serverInfo': { name, version } };
  const found = { supportedVersions: [MODERN_REVISION], capabilities: CAPABILITIES, instructions, _meta };
  return behind(CACHING, json(found));
}

export function listingOf({ listing }: Description, era: Era): Buffer {
  return era === 'modern' ? behind(CACHING, listing) : listing;
}

export function completed(result: Buffer, era: Era): Buffer {
  return era === 'modern' ? behind(COMPLETE, result) : result;
}

/** The list has changed; `subscription`: id of the request that wants to hear of it, where it takes one. */
export function changeMessage(subscription: number | undefined): Buffer {
  const params = subscription === undefined ? undefined : json({ _meta: { [SUBSCRIPTION]: subscription } });
  return notificationMessage('notifications/tools/list_changed', params);
}

/** Of what can be wanted, an API has changes of its tools. */
export function wantsChanges({ notifications }: Params): boolean {
  return (notifications as Params | undefined)?.['toolsListChanged'] === true;
}

export function acknowledgement(subscription: number, wanted: boolean): Buffer {
  const notifications = wanted ? { toolsListChanged: true } : {};
  const params = { _meta: { [SUBSCRIPTION]: subscription }, notifications };
  return notificationMessage('notifications/subscriptions/acknowledged', json(params));
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Members in front of those of an object that has some. */
function behind(members: Buffer, object: Buffer): Buffer {
  return Buffer.concat([members, object.subarray(1)]);
}
