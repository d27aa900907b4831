import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handshake } from '../../../test/fixtures/scripted-link.ts';
import {
  type ConnectorScript,
  type Handler,
  RpcFailure,
  ScriptedConnector,
} from '../../../test/fixtures/scripted-wire.ts';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import { openLink } from './handshake.ts';

interface Opening {
  readonly connector: ScriptedConnector;
  readonly ports: TestPorts;
  readonly ended: Cancel;
  readonly opened: ReturnType<typeof openLink>;
  /** `open`, or the code and message of the error, once it is known. */
  state: string;
}

function opening(
  script: ConnectorScript = {},
  prepare: (connector: ScriptedConnector) => void = () => {},
): Opening {
  const ports = testPorts();
  const connector = new ScriptedConnector(script);
  prepare(connector);
  const ended = new Cancel();
  const opened = openLink({ ...handshake(connector, ports), headers: ['x', 'y'], ended });
  const result: Opening = { connector, ports, ended, opened, state: 'waiting' };
  opened.then(
    () => {
      result.state = 'open';
    },
    (error: unknown) => {
      result.state = error instanceof GatewayError ? `${error.code} ${error.message}` : String(error);
    },
  );
  return result;
}

const silent: Handler = () => undefined;

test('a client is introduced as it is, and the server is told when that is done', async () => {
  const { connector, ports, opened } = opening({ capabilities: { tools: {} }, instructions: 'Hi.' });
  const { link, info } = await opened;
  const { wire } = connector;
  assert.deepEqual(
    wire.received.map(({ method }) => method),
    ['initialize', 'notifications/initialized'],
  );
  assert.deepEqual(wire.received[0]?.params, {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't' },
  });
  assert.deepEqual(
    [wire.version, wire.options.purpose, wire.options.headers],
    ['2025-11-25', 'session', ['x', 'y']],
  );
  assert.deepEqual(
    [info.version, info.capabilities, info.instructions],
    ['2025-11-25', { tools: {} }, 'Hi.'],
  );
  assert.deepEqual((JSON.parse(info.raw.toString()) as { serverInfo: unknown }).serverInfo, {
    name: 'scripted',
    version: '1',
  });
  assert.equal(link.closed, false);
  await link.close();
  assert.equal(ports.clock.waiting, 0);
});

test('an older revision that the server prefers is agreed on', async () => {
  const { connector, opened } = opening({ version: '2024-11-05' });
  assert.equal((await opened).info.version, '2024-11-05');
  assert.equal(connector.wire.version, '2024-11-05');
});

test('what makes no sense as an answer to initialize fails, and closes the wire', async () => {
  const answers: [Handler, RegExp][] = [
    [() => ({ protocolVersion: '1999-01-01', capabilities: {} }), /unknown revision "1999-01-01"/],
    [() => ({ capabilities: {} }), /unknown revision undefined/],
    [
      () => {
        throw new RpcFailure(-32602, 'go away');
      },
      /refused initialize: go away/,
    ],
    [
      ({ wire, id }) => void wire.say(`{"jsonrpc":"2.0","id":${id},"result":[1]}`, Number(id)),
      /not a JSON object/,
    ],
    [() => ({ protocolVersion: '2025-11-25', x: 'y'.repeat(1024 * 1024) }), /longer than 1 MiB/],
    [
      ({ wire, id }) => {
        const deep = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`;
        wire.say(
          `{"jsonrpc":"2.0","id":${id},"result":{"protocolVersion":"2025-11-25","capabilities":${deep}}}`,
          Number(id),
        );
        return undefined;
      },
      /not a JSON object/,
    ],
  ];
  for (const [initialize, pattern] of answers) {
    const started = opening({ on: { initialize } });
    await started.opened.catch(() => undefined);
    await settled();
    assert.match(started.state, /^UPSTREAM_PROTOCOL/);
    assert.match(started.state, pattern);
    assert.equal(started.connector.wire.closed, true);
    assert.equal(started.ports.clock.waiting, 0);
  }
});

test('a server that is silent at any step is given up at the deadline, and nothing stays open', async () => {
  const never = new Promise<void>(() => {});
  const steps: [string, Opening][] = [
    ['open', opening({}, (connector) => void Object.assign(connector, { delay: never }))],
    ['initialize', opening({ on: { initialize: silent } })],
    ['initialize over a transport without streams', opening({ relates: false, on: { initialize: silent } })],
    ['initialized', opening({ on: { 'notifications/initialized': ({ wire }) => wire.hold() } })],
  ];
  for (const [step, started] of steps) {
    await started.ports.clock.advance(999);
    assert.equal(started.state, 'waiting', step);
    await started.ports.clock.advance(2);
    assert.match(
      started.state,
      /^UPSTREAM_TIMEOUT scripted:server did not complete initialize within 1000 ms/,
      step,
    );
    assert.ok(
      started.connector.wires.every(({ closed }) => closed),
      step,
    );
    assert.equal(started.ports.clock.waiting, 0, step);
  }
});

test('a wire that is opened too late is closed', async () => {
  let open = (): void => {};
  const delay = new Promise<void>((resolve) => {
    open = resolve;
  });
  const started = opening({}, (connector) => void Object.assign(connector, { delay }));
  await started.ports.clock.advance(1001);
  open();
  await settled();
  assert.equal(started.connector.wire.closed, true);
  assert.match(started.state, /^UPSTREAM_TIMEOUT/);
});

test('a connection that fails, or breaks while it is made, says why', async () => {
  const refused = opening({}, (connector) => {
    connector.refusal = new GatewayError('UPSTREAM_CONNECT', 'connection refused');
  });
  await settled();
  assert.equal(refused.state, 'UPSTREAM_CONNECT connection refused');
  const broken = opening({ on: { initialize: ({ wire }) => void wire.lose() } });
  await settled();
  assert.equal(broken.state, 'UPSTREAM_CLOSED the scripted wire broke');
});

test('when its owner ends first, so does the attempt', async () => {
  for (const script of [{ on: { initialize: silent } }, { relates: false, on: { initialize: silent } }]) {
    const started = opening(script);
    await settled();
    started.ended.cancel(new GatewayError('TARGET_REMOVED', 'gone'));
    await settled();
    assert.equal(started.state, 'TARGET_REMOVED gone');
    assert.equal(started.connector.wire.closed, true);
  }
});

test('a server that refuses is met over another transport, where there is one, within the same deadline', async () => {
  const tried: string[] = [];
  const script: ConnectorScript = {
    another: (error, wire) => tried.push(`${error.code} ${wire ? 'over a wire' : 'unopened'}`) === 1,
    on: {
      initialize: ({ wire, id }) => {
        if (tried.length > 0) return { protocolVersion: '2025-11-25', capabilities: {} };
        wire.end(Number(id), new GatewayError('UPSTREAM_STATUS', 'HTTP 405'));
        return undefined;
      },
    },
  };
  const started = opening(script);
  const { link } = await started.opened;
  assert.deepEqual(tried, ['UPSTREAM_STATUS over a wire']);
  assert.deepEqual(
    started.connector.wires.map(({ closed }) => closed),
    [true, false],
  );
  await link.close();
  assert.equal(started.ports.clock.waiting, 0);
});

test('what the first transport failed with is told, unless the other one wants a login', async () => {
  for (const [second, expected] of [
    ['UPSTREAM_STATUS', 'UPSTREAM_STATUS the first'],
    ['UPSTREAM_TIMEOUT', 'UPSTREAM_STATUS the first'],
    ['UPSTREAM_CHALLENGE', 'UPSTREAM_CHALLENGE the second'],
  ] as const) {
    let tries = 0;
    const started = opening({
      another: () => {
        tries += 1;
        return true;
      },
      on: {
        initialize: () => {
          throw tries === 0
            ? new GatewayError('UPSTREAM_STATUS', 'the first')
            : new GatewayError(second, 'the second');
        },
      },
    });
    await settled();
    assert.equal(started.state, expected);
    assert.equal(tries, 2, 'the connector hears how the second one went');
    assert.ok(started.connector.wires.every(({ closed }) => closed));
    assert.equal(started.ports.clock.waiting, 0);
  }
});
