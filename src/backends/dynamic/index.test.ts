import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Backend, BackendDeps } from '../../core/backend.ts';
import type { Exchange } from '../../core/exchange.ts';
import { STANDARD_LIMITS } from '../../core/limits.ts';
import type { PolicySet } from '../../core/policy.ts';
import { silentLog, systemClock } from '../../core/ports.ts';
import { type Closable, Scope } from '../../core/scope.ts';
import { loadExpr } from '../../expr/load.ts';
import { dynamicBackend } from './index.ts';

const loaded = await loadExpr({ random: randomBytes });

interface Route {
  readonly hostnames?: readonly string[];
  readonly policies?: PolicySet;
  readonly credentials?: object;
  /** Is told what is held. */
  readonly keys?: string[];
}

function built(
  settings: object,
  { hostnames = [], policies = {}, credentials, keys = [] }: Route = {},
): Backend {
  const definition = dynamicBackend();
  const deps = {
    ports: { clock: systemClock, log: silentLog, random: randomBytes },
    scope: new Scope(),
    current: new Scope(),
    key: 'test',
    label: 'test',
    way: () => 'test',
    hostnames,
    policies,
    settings: { limits: STANDARD_LIMITS },
    outgoing: () => ({ credentials }),
    lasting: {
      hold<T extends Closable>(_: Scope, name: string, make: () => T): T {
        keys.push(name);
        return make();
      },
    },
  } as unknown as BackendDeps;
  return definition.build(definition.schema.parse(settings), deps, loaded);
}

describe('credentials of the gateway', () => {
  const hostnames = ['proxy.test'];
  const sends = (settings: object, route: Route) => () => built(settings, { credentials: {}, ...route });

  test('are for servers that are named, or for the hosts of the route', () => {
    assert.throws(sends({}, {}), /credentials to any server/);
    sends({}, { hostnames })();
    sends({ allow: ['a.test'] }, {})();
  });

  test('need `allow` where something else than the host of the route says where to', () => {
    const target = 'request.headers["x-target"]';
    assert.throws(sends({ target }, { hostnames }), /credentials to any server/);
    sends({ target, allow: ['a.test'] }, { hostnames })();
    const value = { request: { set: { ':authority': target } } };
    const transformations = [[{ path: [], condition: undefined, value }]];
    const rewriting = [{ urlRewrite: { authority: { port: 81 } } }, { transformations }];
    for (const policies of rewriting)
      assert.throws(sends({}, { hostnames, policies }), /credentials to any server/);
    const path = [[{ path: [], condition: undefined, value: { request: { set: { ':path': '"/"' } } } }]];
    sends({}, { hostnames, policies: { urlRewrite: { authority: 'auto' }, transformations: path } })();
  });
});

test('connections that the policies `http` and `tcp` have made otherwise are not used any more', () => {
  const keyOf = (policies: PolicySet): string => {
    const keys: string[] = [];
    built({ allow: ['a.test'] }, { policies, keys });
    return keys.find((key) => key.startsWith('origins')) ?? assert.fail(keys.join());
  };
  assert.equal(keyOf({}), keyOf({ http: { requestTimeout: 1 } }));
  const others = [{ http: { version: '2' } }, { tcp: { connectTimeout: 1 } }, { tcp: { keepalives: {} } }];
  assert.equal(new Set([{}, ...others].map(keyOf)).size, 4);
});

describe('what is meant to be secret', () => {
  const asked = (rest: Partial<Exchange>) =>
    ({ method: 'GET', url: '/', authority: 'a.test', scheme: 'http', headers: {}, ...rest }) as Exchange;
  const refused = { code: 'BAD_REQUEST', message: /not fetched over plain HTTP/ };

  test('does not go on in clear, be it said in the target or by asking over TLS', async () => {
    const { handle } = built({ allow: ['b.test'] });
    await assert.rejects(handle(asked({ absolute: 'https' })), refused);
    await assert.rejects(handle(asked({ scheme: 'https' })), refused);
    await assert.rejects(handle(asked({ scheme: 'https', authority: 'a.test:8080' })), refused);
    await assert.rejects(handle(asked({ scheme: 'https', outbound: { host: 'c.test' } })), refused);
    const elsewhere = { code: 'FORBIDDEN_DESTINATION' };
    await assert.rejects(handle(asked({})), elsewhere);
    await assert.rejects(handle(asked({ scheme: 'https', absolute: 'http' })), elsewhere);
  });

  test('goes where the configuration leads it, unless it is an https address', async () => {
    const { handle } = built({ target: '"c.test:80"', allow: ['b.test'] });
    await assert.rejects(handle(asked({ scheme: 'https' })), { code: 'FORBIDDEN_DESTINATION' });
    await assert.rejects(handle(asked({ absolute: 'https' })), refused);
  });

  test('goes on over TLS', async () => {
    const { handle } = built({ allow: ['b.test'] }, { policies: { backendTLS: {} } });
    for (const rest of [{ absolute: 'https' }, { scheme: 'https' }] as const)
      await assert.rejects(handle(asked(rest)), { code: 'FORBIDDEN_DESTINATION' });
  });
});
