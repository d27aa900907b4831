/** The MCP messages of a question, as a client of the newest revision sends them. */
import { encodeHeaderValue } from '../mcp/bridge/param-headers.ts';
import { MODERN_REVISION } from '../mcp/revisions.ts';
import type { AskedExchange } from './exchange.ts';
import type { AskedItem, Question } from './question.ts';

const META = 'io.modelcontextprotocol/';

/** Asks for the item by the name that the endpoint knows it by. */
export function sendCall(exchange: AskedExchange, question: Question, name: string): void {
  const item = question.item as AskedItem;
  const args = { arguments: item.arguments ?? {} };
  exchange.offer('mcp-name', encodeHeaderValue(name));
  switch (item.kind) {
    case 'tool':
      return send(exchange, question, { method: 'tools/call', params: { name, ...args } });
    case 'prompt':
      return send(exchange, question, { method: 'prompts/get', params: { name, ...args } });
    case 'resource':
      return send(exchange, question, { method: 'resources/read', params: { uri: name } });
  }
}

/** Asks for the list that the item may stand in. */
export function sendList(exchange: AskedExchange, question: Question): void {
  const { kind } = question.item as AskedItem;
  send(exchange, question, { method: `${kind}s/list`, params: {} });
}

function send(
  exchange: AskedExchange,
  { clientInfo }: Question,
  { method, params }: { readonly method: string; readonly params: object },
): void {
  const meta = {
    [`${META}protocolVersion`]: MODERN_REVISION,
    [`${META}clientCapabilities`]: {},
    ...(clientInfo && { [`${META}clientInfo`]: clientInfo }),
  };
  exchange.offer('content-type', 'application/json');
  exchange.offer('accept', 'application/json, text/event-stream');
  exchange.offer('mcp-protocol-version', MODERN_REVISION);
  exchange.offer('mcp-method', method);
  exchange.send(
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } })),
  );
}
