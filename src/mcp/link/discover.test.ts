import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handshake } from '../../../test/fixtures/scripted-link.ts';
import { type Handler, ScriptedConnector } from '../../../test/fixtures/scripted-wire.ts';
import { testPorts } from '../../../test/fixtures/test-ports.ts';
import { openLink } from './handshake.ts';

const discovered = {
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'modern', version: '1' } },
};

/** Refuses the revision of the first `times` requests. */
function refusing(times: number, supported: readonly string[]): Handler {
  return ({ id, wire }) => {
    if (wire.of('server/discover').length > times) return discovered;
    const data = { supported, requested: '2026-07-28' };
    wire.say({ id, error: { code: -32022, message: 'Unsupported protocol version', data } }, Number(id));
    wire.end(Number(id));
    return undefined;
  };
}

function open(discover: Handler) {
  const connector = new ScriptedConnector({ on: { 'server/discover': discover } });
  const opened = openLink({ ...handshake(connector, testPorts()), era: 'modern' });
  return { connector, opened };
}

test('a server that is asked what it is says so, without anything being agreed on', async () => {
  const { connector, opened } = open(() => discovered);
  const { link, info } = await opened;
  assert.equal(info.era, 'modern');
  assert.deepEqual(info.serverInfo, { name: 'modern', version: '1' });
  assert.deepEqual(
    connector.wire.received.map(({ method }) => method),
    ['server/discover'],
  );
  await link.close();
});

test('a server that refuses the revision and names it as supported is asked once more', async () => {
  const { connector, opened } = open(refusing(1, ['2026-07-28']));
  const { link, info } = await opened;
  assert.equal(info.era, 'modern');
  assert.equal(connector.wire.of('server/discover').length, 2);
  await link.close();
});

test('a server that goes on refusing the revision is not asked for ever', async () => {
  const { connector, opened } = open(refusing(9, ['2026-07-28']));
  await assert.rejects(opened, { code: 'UPSTREAM_PROTOCOL' });
  assert.equal(connector.wire.of('server/discover').length, 2);
});

test('a server that supports other revisions is asked once', async () => {
  const { connector, opened } = open(refusing(9, ['2027-01-01']));
  await assert.rejects(opened, { code: 'UPSTREAM_PROTOCOL' });
  assert.equal(connector.wire.of('server/discover').length, 1);
});
