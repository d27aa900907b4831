import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyInboundRequest } from '@modelcontextprotocol/server';
import { testExchange } from '../../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../../core/errors.ts';
import { readMessage } from '../../message.ts';
import { checkNotification, checkRequest } from './checks.ts';
import { eraOf } from './classify.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const MODERN = '2026-07-28';

interface Sent {
  readonly body: Record<string, unknown>;
  readonly version: string | undefined;
  readonly method: string | undefined;
}

/** `legacy`, `modern`, or the code of the error that answers. */
type Verdict = 'legacy' | 'modern' | number;

function ours({ body, version, method }: Sent): Verdict {
  const headers = { 'mcp-protocol-version': version, 'mcp-method': method };
  const exchange = testExchange({ method: 'POST', headers });
  const message = readMessage(Buffer.from(JSON.stringify(body)));
  try {
    if (eraOf(exchange, message) === 'legacy') return 'legacy';
    if (message.kind === 'notification') checkNotification(exchange, message);
    else checkRequest(exchange, message);
    return 'modern';
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error.rpc;
  }
}

function sdk({ body, version, method }: Sent): Verdict {
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(method !== undefined && { mcpMethodHeader: method }),
  });
  return outcome.kind === 'reject' ? outcome.code : outcome.kind;
}

const meta = (version: unknown, more: object = { [CAPABILITIES]: {} }): object => ({
  _meta: { [VERSION]: version, ...more },
});

const PARAMS: Readonly<Record<string, object | undefined>> = {
  'no params': undefined,
  'no _meta': { name: 'a' },
  'a _meta of something else': { _meta: { progressToken: 1 } },
  'capabilities without a version': { _meta: { [CAPABILITIES]: {} } },
  'a whole envelope': meta(MODERN),
  'an envelope without capabilities': meta(MODERN, {}),
  'capabilities that are no object': meta(MODERN, { [CAPABILITIES]: [] }),
  'a version that is no text': meta(7),
  'an unknown modern version': meta('2027-01-01'),
  'a legacy version': meta('2025-11-25'),
};
const VERSIONS = [undefined, MODERN, ` ${MODERN}\t`, '2027-01-01', '2025-11-25', '1999-01-01'];

/** Requests, notifications and an answer, each with every header that could come with it. */
function* everything(): Iterable<Sent & { readonly name: string }> {
  for (const [about, params] of Object.entries(PARAMS))
    for (const version of VERSIONS)
      for (const named of [undefined, 'same', 'tools/list'])
        for (const [method, id] of [
          ['tools/call', { id: 1 }],
          ['initialize', { id: 'x' }],
          ['notifications/progress', {}],
        ] as const) {
          const body = { jsonrpc: '2.0', method, ...id, ...(params && { params }) };
          const header = named === 'same' ? method : named;
          yield { name: `${method}, ${about}, ${version}, ${named}`, body, version, method: header };
        }
}

/** What the official classifier leaves to a later step, or sees otherwise, and why we do not. */
function excused({ body, version, method }: Sent, theirs: Verdict): Verdict | undefined {
  const claimed = (body['params'] as { _meta?: Record<string, unknown> } | undefined)?._meta?.[VERSION];
  const known = (claimed ?? version?.trim()) === MODERN;
  // Only modern clients send Mcp-Method, so a request with nothing but that is a malformed claim.
  if (theirs === 'legacy' && version === undefined && method !== undefined && body['method'] === 'tools/call')
    return -32602;
  if (theirs !== 'modern') return undefined;
  // A contradiction is told before the unknown revision, whichever that is.
  if (!known && method !== undefined && method !== body['method']) return -32020;
  // These are told in the step that follows there: an unknown revision, a header that is missing, an unknown method.
  if (!known) return -32022;
  if ('id' in body && (version === undefined || method === undefined)) return -32020;
  return body['method'] === 'initialize' ? -32601 : undefined;
}

describe('the era of a message', () => {
  it('is what the official SDK says, for every message and header; the exceptions are stated', () => {
    let compared = 0;
    const differing: string[] = [];
    for (const { name, ...sent } of everything()) {
      const theirs = sdk(sent);
      const expected = excused(sent, theirs) ?? theirs;
      const verdict = ours(sent);
      if (verdict !== expected) differing.push(`${name}: ${verdict}, not ${expected}`);
      compared += 1;
    }
    assert.deepEqual(differing, []);
    assert.equal(compared, 540);
  });

  it('of an answer is legacy; with a modern version it answers nothing that was asked', () => {
    for (const answer of [{ result: {} }, { error: { code: 1, message: 'm' } }]) {
      const body = { jsonrpc: '2.0', id: 1, ...answer };
      assert.equal(ours({ body, version: undefined, method: undefined }), 'legacy');
      assert.equal(ours({ body, version: '2025-11-25', method: undefined }), 'legacy');
      assert.equal(ours({ body, version: MODERN, method: undefined }), -32600);
    }
  });

  it('is not guessed from Mcp-Method where a session is named', () => {
    const headers = { 'mcp-method': 'tools/call', 'mcp-session-id': 'x' };
    const message = readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'));
    assert.equal(eraOf(testExchange({ method: 'POST', headers }), message), 'legacy');
  });
});
