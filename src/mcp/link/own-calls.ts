/** Requests the gateway makes by itself on an upstream link, so that a client's wishes hold there too. */
import { Cancel } from '../../lib/cancel.ts';
import { requestMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import type { McpOutcome } from '../call.ts';
import type { ServerInfo } from './handshake.ts';
import type { Link } from './link.ts';

const DEADLINE = { ms: 10_000, maxMs: 10_000 };

interface Opened {
  readonly link: Link;
  readonly info: ServerInfo;
}

/** Nothing where the server has no logging. */
export function sendLevel({ link, info }: Opened, level: string): Promise<McpOutcome | undefined> {
  if (info.capabilities['logging'] === undefined) return Promise.resolve(undefined);
  return ownCall(link, 'logging/setLevel', { params: { level } });
}

export function sendSubscribe({ link }: Opened, uri: string): Promise<McpOutcome> {
  return ownCall(link, 'resources/subscribe', { params: { uri } });
}

export function sendUnsubscribe({ link }: Opened, uri: string): Promise<McpOutcome> {
  return ownCall(link, 'resources/unsubscribe', { params: { uri } });
}

/** With headers of a client that the link does not have yet: does the server take them? */
export function sendPing({ link }: Opened, client: readonly string[]): Promise<McpOutcome> {
  return ownCall(link, 'ping', { params: {}, client });
}

type Params = Readonly<Record<string, string>>;

function ownCall(
  link: Link,
  method: string,
  { params, client }: { params: Params; client?: readonly string[] },
): Promise<McpOutcome> {
  const members = Object.entries(params).map(
    ([name, value]) => `${JSON.stringify(name)}:${quote(value).toString()}`,
  );
  const text = Buffer.from(`{${members.join(',')}}`);
  return link.call({
    method,
    name: undefined,
    write: (id) => requestMessage(id, method, text),
    progressToken: undefined,
    peer: undefined,
    cancel: new Cancel(),
    deadline: DEADLINE,
    headers: undefined,
    client,
  });
}
