/**
 * `mcp-remote --protocol auto`: before the gateway stands a modern client, and behind that a legacy one which it serves
 * as the gateway itself serves such clients.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { describeAbilities } from './abilities.ts';
import { throughMcpRemote } from './mcp-remote.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

let servers: RealServers;
let state: string;
before(async () => {
  state = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
  await rm(state, { recursive: true, force: true });
});

describeAbilities(
  {
    name: 'mcp-remote, asking for the newest revision first',
    // It passes a cancellation on as a notification, which means nothing over HTTP in that revision.
    gaps: new Set(['headers', 'cancellation', 'listening', 'logs outside of calls']),
    connect: (at) => throughMcpRemote(at, { path: '/mcp', flags: ['--protocol', 'auto'], state }),
  },
  () => servers,
);

test('mcp-remote has spoken the newest revision and no other', () => {
  const log = servers.gateway.log();
  assert.match(log, /"server\/discover"/);
  assert.doesNotMatch(log, /"mcp.session.id"/);
});
