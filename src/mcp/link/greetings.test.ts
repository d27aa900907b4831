import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpOutcome } from '../call.ts';
import { readDiscovered, readInitialized } from './greetings.ts';

const result = (value: unknown): McpOutcome => ({ kind: 'result', body: Buffer.from(JSON.stringify(value)) });
const error = (value: unknown): McpOutcome => ({ kind: 'error', body: Buffer.from(JSON.stringify(value)) });
const SERVER = { name: 'x', version: '1' };

test('the answer to initialize is what a legacy server says of itself', () => {
  const outcome = result({ protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: SERVER });
  const { raw, ...info } = readInitialized(outcome);
  assert.deepEqual(info, {
    era: 'legacy',
    version: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: SERVER,
    instructions: undefined,
  });
  assert.equal(raw, outcome.body);
});

test('the answer to server/discover is what a modern server says of itself, wherever its name stands', () => {
  const said = { supportedVersions: ['2027-01-01', '2026-07-28'], capabilities: {}, instructions: 'Hi.' };
  const meta = { 'io.modelcontextprotocol/serverInfo': SERVER };
  for (const value of [
    { ...said, _meta: meta },
    { ...said, serverInfo: SERVER },
  ]) {
    const { raw: _, ...info } = readDiscovered(result(value));
    assert.deepEqual(info, {
      era: 'modern',
      version: '2026-07-28',
      capabilities: {},
      serverInfo: SERVER,
      instructions: 'Hi.',
    });
  }
  assert.equal(readDiscovered(result(said)).serverInfo, undefined);
});

test('capabilities and instructions of the wrong kind are as good as none', () => {
  const info = readDiscovered(
    result({ supportedVersions: ['2026-07-28'], capabilities: [1], instructions: 7, _meta: 'x' }),
  );
  assert.deepEqual([info.capabilities, info.instructions], [{}, undefined]);
});

test('a server without our modern revision has not been discovered', () => {
  for (const value of [
    {},
    { supportedVersions: '2026-07-28' },
    { supportedVersions: ['2025-11-25'] },
    { supportedVersions: [] },
  ]) {
    assert.throws(() => readDiscovered(result(value)), {
      code: 'UPSTREAM_PROTOCOL',
      message: /without the revision 2026-07-28/,
    });
  }
});

test('an error, nonsense and too much of it are refused, with what the server said', () => {
  assert.throws(() => readDiscovered(error({ code: -32601, message: 'Method not found' })), {
    code: 'UPSTREAM_PROTOCOL',
    message: 'the upstream refused server/discover: Method not found',
  });
  assert.throws(() => readInitialized(error({ code: -32600 })), /refused initialize: no message/);
  assert.throws(() => readDiscovered(result([1])), /server\/discover is not a JSON object/);
  assert.throws(() => readDiscovered(result({ x: 'y'.repeat(1024 * 1024) })), /longer than 1 MiB/);
  const deep = Buffer.from(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`);
  assert.throws(() => readDiscovered({ kind: 'result', body: deep }), /is not a JSON object/);
});
