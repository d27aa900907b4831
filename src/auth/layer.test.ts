import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ExchangeScript, type TestExchange, testExchange } from '../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { Credential, Identity } from '../core/identity.ts';
import { stack } from '../core/service.ts';
import { Flow } from '../lib/flow.ts';
import { bearerChallenge } from './challenge.ts';
import { type Authentication, authenticationLayer } from './layer.ts';
import { credentialPlace } from './location.ts';

const BEARER = credentialPlace({ kind: 'header', name: 'authorization', prefix: 'Bearer ' });
const KEY = credentialPlace({ kind: 'header', name: 'x-api-key', prefix: '' });

/** Takes any credential that begins with its kind, and calls the client so. */
function proof(kind: Credential['kind'], more: Partial<Authentication> = {}): Authentication {
  return {
    kind,
    place: BEARER,
    mode: 'strict',
    what: 'a token',
    challenge: (problem) => bearerChallenge({ problem }),
    verify: async (value): Promise<Identity> => {
      if (value.startsWith('down')) throw new GatewayError('KEYS_UNAVAILABLE', 'no keys');
      if (!value.startsWith(kind)) throw new GatewayError('UNAUTHENTICATED', 'a "wrong" one');
      return { principal: value, [kind]: {} };
    },
    ...more,
  };
}

interface Outcome {
  readonly exchange: TestExchange;
  readonly passed: boolean;
  readonly error: GatewayError | undefined;
  readonly challenge: string | undefined;
}

async function ask(headers: ExchangeScript['headers'], ...proofs: Authentication[]): Promise<Outcome> {
  const exchange = testExchange({ headers: { ...headers } });
  let passed = false;
  const service = async (): Promise<Answer> => {
    passed = true;
    return { status: 200, headers: [], body: Flow.empty() };
  };
  let error: GatewayError | undefined;
  try {
    await stack<Exchange, Answer>(proofs.map(authenticationLayer), service)(exchange);
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError);
    error = thrown;
  }
  const [name, challenge] = error?.detail.headers ?? [];
  assert.ok(name === undefined || name === 'www-authenticate');
  return { exchange, passed, error, challenge };
}

describe('with a valid credential', () => {
  test('the client has a name, and the credential does not travel on', async () => {
    const { exchange, passed } = await ask({ authorization: 'Bearer jwt-1', accept: '*/*' }, proof('jwt'));
    assert.ok(passed);
    assert.deepEqual([exchange.principal, exchange.identity?.principal], ['jwt-1', 'jwt-1']);
    assert.deepEqual(exchange.rawHeaders, ['accept', '*/*']);
    assert.deepEqual(exchange.credentials, [{ kind: 'jwt', place: 'header authorization', value: 'jwt-1' }]);
  });

  test('an inner layer of the same kind judges it by its own rules, though it was taken out', async () => {
    const strict = proof('jwt', {
      verify: (value) => {
        throw new GatewayError('UNAUTHENTICATED', `not ${value.length} letters`);
      },
    });
    const { error, passed } = await ask({ authorization: 'Bearer jwt-1' }, proof('jwt'), strict);
    assert.deepEqual([passed, error?.message], [false, 'not 5 letters']);
    assert.ok((await ask({ authorization: 'Bearer jwt-1' }, proof('jwt'), proof('jwt'))).passed);
  });

  test('an inner layer of another kind does not take it for its own', async () => {
    const { error } = await ask({ authorization: 'Bearer jwt-1' }, proof('jwt'), proof('apiKey'));
    assert.equal(error?.code, 'UNAUTHENTICATED');
  });
});

describe('with several credentials', () => {
  const both = { authorization: 'Bearer jwt-1', 'x-api-key': 'apiKey-1' };

  test('the person counts before the program, whatever is asked first', async () => {
    const key = proof('apiKey', { place: KEY });
    for (const proofs of [
      [proof('jwt'), key],
      [key, proof('jwt')],
    ]) {
      const { exchange } = await ask(both, ...proofs);
      assert.equal(exchange.principal, 'jwt-1');
      assert.ok(exchange.identity?.jwt && exchange.identity.apiKey);
      assert.deepEqual(exchange.rawHeaders, []);
    }
  });

  test('what is proved counts before what a connection is known by', async () => {
    const exchange = testExchange({ headers: { authorization: 'Bearer jwt-1' }, principal: 'tls:1' });
    exchange.identity = { principal: 'tls:1' };
    const service = async (): Promise<Answer> => ({ status: 200, headers: [], body: Flow.empty() });
    await authenticationLayer(proof('jwt'))(service)(exchange);
    assert.equal(exchange.principal, 'jwt-1');
  });
});

describe('without a valid credential', () => {
  const none = {};
  const wrong = { authorization: 'Bearer x' };
  const down = { authorization: 'Bearer down' };
  const twice = { authorization: 'Bearer jwt-1' };

  test('strict refuses, and says what is needed and how', async () => {
    const missing = await ask(none, proof('jwt'));
    assert.deepEqual([missing.passed, missing.error?.http, missing.challenge], [false, 401, 'Bearer']);
    assert.equal(missing.error?.message, 'a token is needed (header authorization)');
    const invalid = await ask(wrong, proof('jwt'));
    const challenge = 'Bearer error="invalid_token", error_description="a \\"wrong\\" one"';
    assert.deepEqual([invalid.passed, invalid.error?.http, invalid.challenge], [false, 401, challenge]);
  });

  test('optional lets nobody in with a wrong one, and anybody without', async () => {
    const optional = proof('jwt', { mode: 'optional' });
    const { passed, exchange } = await ask(none, optional);
    assert.deepEqual([passed, exchange.principal, exchange.identity], [true, undefined, undefined]);
    assert.equal((await ask(wrong, optional)).passed, false);
    assert.equal((await ask(down, optional)).error?.code, 'KEYS_UNAVAILABLE');
  });

  test('permissive lets anybody in, nameless, with the request as it came', async () => {
    const permissive = proof('jwt', { mode: 'permissive' });
    for (const headers of [none, wrong]) {
      const { passed, exchange } = await ask(headers, permissive);
      assert.deepEqual([passed, exchange.principal, exchange.credentials], [true, undefined, undefined]);
      assert.deepEqual(exchange.rawHeaders, Object.entries(headers).flat());
    }
  });

  test('permissive keeps from servers what could not be checked: it may be valid', async () => {
    const { passed, exchange } = await ask({ ...down, accept: '*/*' }, proof('jwt', { mode: 'permissive' }));
    assert.deepEqual([passed, exchange.principal, exchange.credentials], [true, undefined, undefined]);
    assert.deepEqual(exchange.rawHeaders, ['accept', '*/*']);
  });

  test('keys that cannot be had are no fault of the client: no challenge', async () => {
    const { error, challenge } = await ask(down, proof('jwt'));
    assert.deepEqual([error?.http, challenge], [503, undefined]);
  });

  test('what is wrong with the gateway is not hidden by permissive', async () => {
    const broken = proof('jwt', { mode: 'permissive', verify: () => Promise.reject(new TypeError('bug')) });
    await assert.rejects(ask(twice, broken));
  });
});

test('a challenge is one header line whatever it has to say', () => {
  assert.equal(
    bearerChallenge({ problem: 'a\r\nSet-Cookie: x="1"\\é' }),
    'Bearer error="invalid_token", error_description="a??Set-Cookie: x=\\"1\\"\\\\?"',
  );
});
