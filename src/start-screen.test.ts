import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BindPlan, ListenerPlan } from './core/plan.ts';
import type { Run } from './run.ts';
import { startScreen } from './start-screen.ts';

async function linesOf(...binds: Partial<BindPlan>[]): Promise<string[]> {
  const listening = () => binds.map((bind, at) => ({ bind: { listeners: [], ...bind }, port: 3000 + at }));
  const run = { gateway: { listening, lasting: () => [] }, addresses: {} } as unknown as Run;
  const [, , ...lines] = (await startScreen(run)).split('\n');
  return lines.filter((line) => line !== '');
}

function listener(protocol: ListenerPlan['protocol'], kind?: string): ListenerPlan {
  const routes = kind === undefined ? [] : [{ backends: [{ kind }] }];
  return { protocol, routes } as unknown as ListenerPlan;
}

test('every port that is open is on the screen, with what it is for', async () => {
  assert.deepEqual(
    await linesOf(
      { listeners: [listener('HTTP', 'mcp')] },
      { listeners: [listener('TCP')] },
      { listeners: [listener('HTTP', 'dynamic')] },
      { listeners: [listener('HTTP', 'dynamic')], connect: 'route' },
      { connect: 'tunnel', address: '::' },
      { connect: 'tunnel', listeners: [{ ...listener('HTTPS'), tls: {} as ListenerPlan['tls'] }] },
      {},
    ),
    [
      '  http://localhost:3000/mcp   and /sse for old clients',
      '  tcp://localhost:3001',
      '  http://localhost:3002   forward proxy',
      '  http://localhost:3003   forward proxy, CONNECT as well',
      '  http://[::]:3004   CONNECT alone, to the ports of the gateway',
      '  https://localhost:3005   CONNECT alone, to the ports of the gateway',
      '  http://localhost:3006   without a listener: nothing is served',
    ],
  );
});
