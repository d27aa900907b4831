import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testExchange } from '../../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../../core/errors.ts';
import { readMessage } from '../../message.ts';
import { REVISIONS } from '../../revisions.ts';
import { checkEnvelope, checkNotification, checkRequest, field } from './checks.ts';

const PREFIX = 'io.modelcontextprotocol/';
const META = { [`${PREFIX}protocolVersion`]: '2026-07-28', [`${PREFIX}clientCapabilities`]: {} };

type Headers = Readonly<Record<string, string | undefined>>;

function request(method: string, params: object = {}): { text: string; headers: Headers } {
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: META, ...params } });
  return { text, headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method } };
}

/** The error's number, HTTP status and text; undefined when all is well. */
function fault(check: () => unknown): [number, number, string] | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return [error.rpc, error.http, error.message];
  }
}

function checked(method: string, params: object = {}, more: Headers = {}): ReturnType<typeof fault> {
  const { text, headers } = request(method, params);
  const exchange = testExchange({ method: 'POST', headers: { ...headers, ...more } });
  return fault(() => checkRequest(exchange, readMessage(Buffer.from(text))));
}

const code = (found: ReturnType<typeof fault>): string | undefined => found && `${found[0]} ${found[1]}`;

describe('the headers of a request', () => {
  it('must be there', () => {
    assert.equal(checked('tools/list'), undefined);
    assert.deepEqual(checked('tools/list', {}, { 'mcp-method': undefined }), [
      -32020,
      400,
      "Header mismatch: the Mcp-Method header is missing; the body says 'tools/list'",
    ]);
    const both = checked('tools/list', {}, { 'mcp-method': undefined, 'mcp-protocol-version': undefined });
    assert.match(both?.[2] ?? '', /the MCP-Protocol-Version header is missing/);
  });

  it('must say what the body says, letter by letter, white space around them aside', () => {
    const ok = { 'mcp-method': ' tools/list\t', 'mcp-protocol-version': '\t2026-07-28 ' };
    assert.equal(checked('tools/list', {}, ok), undefined);
    for (const [name, value] of [
      ['mcp-method', 'tools/call'],
      ['mcp-method', 'Tools/List'],
      ['mcp-method', ''],
      ['mcp-method', 'tools/list, tools/list'],
      ['mcp-protocol-version', '2025-11-25'],
      ['mcp-protocol-version', '2026-7-28'],
    ] as const)
      assert.equal(code(checked('tools/list', {}, { [name]: value })), '-32020 400', `${name}: ${value}`);
    assert.equal(
      checked('tools/list', {}, { 'mcp-method': 'tools/call' })?.[2],
      "Header mismatch: Mcp-Method header value 'tools/call' does not match body value 'tools/list'",
    );
  });

  it('are not repeated at length', () => {
    const text = checked('tools/list', {}, { 'mcp-method': 'x'.repeat(10_000) })?.[2] ?? '';
    assert.ok(text.includes('xxx...') && text.length < 300, text);
  });
});

describe('Mcp-Name', () => {
  const named: readonly (readonly [string, string])[] = [
    ['tools/call', 'name'],
    ['prompts/get', 'name'],
    ['resources/read', 'uri'],
    ['tasks/get', 'taskId'],
    ['tasks/update', 'taskId'],
    ['tasks/cancel', 'taskId'],
  ];

  it('repeats the name, URI or task id', () => {
    for (const [method, member] of named) {
      assert.equal(checked(method, { [member]: 'a' }, { 'mcp-name': 'a' }), undefined, method);
      assert.equal(code(checked(method, { [member]: 'a' }, { 'mcp-name': 'b' })), '-32020 400', method);
      assert.equal(code(checked(method, { [member]: 'a' })), '-32020 400', method);
      assert.equal(code(checked(method, { [member]: 'a' }, { 'mcp-name': 'A' })), '-32020 400', method);
    }
  });

  it('is not asked for where there is nothing to repeat, and means nothing to other methods', () => {
    for (const [method, member] of named) {
      assert.equal(checked(method), undefined, method);
      assert.equal(checked(method, { [member]: 7 }, { 'mcp-name': 'x' }), undefined, method);
    }
    assert.equal(checked('tools/list', { name: 'a' }, { 'mcp-name': 'b' }), undefined);
    assert.equal(checked('constructor', { name: 'a' }), undefined);
  });

  it('may be Base64, which must be well formed', () => {
    const encoded = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const name = 'Grüße, 世界 ';
    assert.equal(checked('tools/call', { name }, { 'mcp-name': encoded(name) }), undefined);
    assert.equal(checked('tools/call', { name: 'plain' }, { 'mcp-name': encoded('plain') }), undefined);
    assert.equal(code(checked('tools/call', { name }, { 'mcp-name': encoded('other') })), '-32020 400');
    assert.equal(
      checked('tools/call', { name: '=?BASE64?YQ==?=' }, { 'mcp-name': '=?BASE64?YQ==?=' }),
      undefined,
    );
    for (const bad of ['=?base64?YQ?=', '=?base64?Y*==?=', '=?base64?gA==?='])
      assert.equal(code(checked('tools/call', { name: 'a' }, { 'mcp-name': bad })), '-32020 400', bad);
  });
});

describe('what a request says of itself', () => {
  const sent = (meta: object, version = '2026-07-28'): ReturnType<typeof fault> => {
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } });
    const headers = { 'mcp-protocol-version': version, 'mcp-method': 'tools/list' };
    return fault(() => checkRequest(testExchange({ headers }), readMessage(Buffer.from(text))));
  };

  it('must be whole, whatever its headers say', () => {
    const found = sent({ progressToken: 1 });
    assert.equal(code(found), '-32602 400');
    assert.match(found?.[2] ?? '', /protocolVersion.*clientCapabilities/);
    assert.equal(code(sent({ ...META, [`${PREFIX}clientInfo`]: 'me' })), '-32602 400');
    assert.equal(code(sent({ ...META, [`${PREFIX}logLevel`]: 'loud' })), '-32602 400');
  });

  it('must name a revision we speak; the error names those', () => {
    for (const version of ['2027-01-01', '2025-11-25', 'x'.repeat(500)]) {
      const meta = { ...META, [`${PREFIX}protocolVersion`]: version };
      assert.equal(code(sent(meta, version)), '-32022 400', version);
    }
    const meta = { ...META, [`${PREFIX}protocolVersion`]: '2027-01-01' };
    const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } });
    assert.throws(
      () => checkEnvelope(readMessage(Buffer.from(text))),
      (error: GatewayError) => {
        assert.deepEqual(error.detail.data, { supported: REVISIONS, requested: '2027-01-01' });
        return true;
      },
    );
  });

  it('must not ask for what only older revisions have', () => {
    for (const method of [
      'initialize',
      'ping',
      'logging/setLevel',
      'resources/subscribe',
      'resources/unsubscribe',
      'tasks/list',
      'tasks/result',
      'notifications/initialized',
    ]) {
      assert.deepEqual(checked(method), [-32601, 404, `Method not found: ${method}`]);
      const { text } = request(method);
      assert.equal(code(fault(() => checkEnvelope(readMessage(Buffer.from(text))))), '-32601 404');
    }
    for (const method of ['server/discover', 'tasks/get', 'skills/list'])
      assert.equal(checked(method), undefined, method);
  });
});

describe('a notification', () => {
  const told = (params: object | undefined, headers: Headers): string | undefined => {
    const text = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/x', params });
    return code(fault(() => checkNotification(testExchange({ headers }), readMessage(Buffer.from(text)))));
  };
  const version = { 'mcp-protocol-version': '2026-07-28' };

  it('needs no envelope where a header names the revision, and no header where it has one', () => {
    assert.equal(told(undefined, version), undefined);
    assert.equal(told({ _meta: META }, {}), undefined);
    assert.equal(told({ _meta: META }, { ...version, 'mcp-method': 'notifications/x' }), undefined);
  });

  it('must not contradict its headers, nor be of another revision', () => {
    assert.equal(told({ _meta: META }, { 'mcp-protocol-version': '2025-11-25' }), '-32020 400');
    assert.equal(told(undefined, { ...version, 'mcp-method': 'notifications/y' }), '-32020 400');
    assert.equal(told({ _meta: { [`${PREFIX}protocolVersion`]: 1 } }, version), '-32602 400');
    assert.equal(told(undefined, { 'mcp-protocol-version': '2027-01-01' }), '-32022 400');
  });
});

it('white space around a header is taken off without looking at what is between for long', () => {
  const value = `a${' '.repeat(30_000)}b`;
  const exchange = testExchange({ headers: { one: value, two: ' \t ', three: `\t${value} ` } });
  assert.equal(field(exchange, 'one'), value);
  assert.equal(field(exchange, 'two'), '');
  assert.equal(field(exchange, 'three'), value);
  assert.equal(field(exchange, 'four'), undefined);
});
