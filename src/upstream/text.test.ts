import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, test } from 'node:test';
import { Stage, signal } from '../../test/e2e/http-harness.ts';
import { FakeClock, settled } from '../../test/fixtures/test-ports.ts';
import { systemClock } from '../core/ports.ts';
import { type Closable, type Lasting, Scope } from '../core/scope.ts';
import { Cancel } from '../lib/cancel.ts';
import { textAt, textsOf } from './text.ts';

const stage = new Stage();

const lasting: Lasting = {
  hold: <T extends Closable>(scope: Scope, _key: string, make: () => T): T => scope.own(make()),
};

async function at(handler: RequestListener, path = '/keys?v=1', clock = systemClock) {
  const { port } = await stage.server(handler);
  const scope = new Scope();
  stage.own(() => scope.close());
  const bounds = { maxBytes: 1000, timeoutMs: 5000 };
  return textAt(`http://127.0.0.1:${port}${path}`, { lasting, scope, clock, ...bounds });
}

describe('a text behind an address', () => {
  test('is what is answered to a GET', async () => {
    const fetch = await at((request, reply) => {
      reply.end(JSON.stringify([request.method, request.url, request.headers.accept]));
    });
    assert.deepEqual(JSON.parse(await fetch(new Cancel())), ['GET', '/keys?v=1', 'application/json']);
  });

  test('is not looked for elsewhere: a redirect is a failure, and nobody follows it', async () => {
    const inner = await stage.server(() => assert.fail('followed'));
    for (const status of [301, 302, 303, 307, 308]) {
      const fetch = await at((_request, reply) => {
        reply.writeHead(status, { location: `http://127.0.0.1:${inner.port}/secret` }).end('{}');
      });
      await assert.rejects(fetch(new Cancel()), {
        code: 'UPSTREAM_STATUS',
        message: `answered with status ${status}`,
      });
    }
  });

  test('with any other status is none', async () => {
    for (const status of [204, 404, 500]) {
      const fetch = await at((_request, reply) => void reply.writeHead(status).end());
      await assert.rejects(fetch(new Cancel()), { code: 'UPSTREAM_STATUS' });
    }
  });

  test('is bounded in size, also where the answer does not say how long it is', async () => {
    const fetch = await at((_request, reply) => {
      for (let piece = 0; piece < 20; piece += 1) reply.write('x'.repeat(100));
      reply.end();
    });
    await assert.rejects(fetch(new Cancel()), /longer than 1000 bytes/);
  });

  test('is bounded in time, its body included', async () => {
    const clock = new FakeClock();
    const asked = signal();
    const fetch = await at(
      (_request, reply) => {
        reply.write('[');
        asked.fire();
      },
      '/',
      clock,
    );
    const failed = assert.rejects(fetch(new Cancel()), { code: 'UPSTREAM_TIMEOUT' });
    await asked.fired;
    await settled();
    await clock.advance(5000);
    await failed;
    assert.equal(clock.waiting, 0);
  });

  test('that breaks off is none', async () => {
    const fetch = await at((_request, reply) => {
      reply.writeHead(200, { 'content-length': '100' });
      reply.write('{"keys":[]}', () => reply.destroy());
    });
    await assert.rejects(fetch(new Cancel()), { code: 'UPSTREAM_CLOSED' });
  });

  test('is no longer waited for when nobody wants it', async () => {
    const asked = signal();
    const fetch = await at(() => asked.fire());
    const cancel = new Cancel();
    const failed = assert.rejects(fetch(cancel), { code: 'CANCELLED' });
    await asked.fired;
    cancel.cancel(new Error('enough'));
    await failed;
  });
});

test('texts of one origin hold one connection pool, however many are asked for', async () => {
  const { port } = await stage.server((request, reply) => void reply.end(request.url));
  const scope = new Scope();
  stage.own(() => scope.close());
  let held = 0;
  const counting: Lasting = {
    hold: (owner, _key, make) => {
      held += 1;
      return owner.own(make());
    },
  };
  const origin = `http://127.0.0.1:${port}`;
  const options = { lasting: counting, scope, clock: systemClock, maxBytes: 1000, timeoutMs: 5000 };
  const textOn = textsOf(origin, options);
  for (const path of ['/a', '/b?c', '/a']) assert.equal(await textOn(origin + path)(new Cancel()), path);
  assert.equal(held, 1);
});
