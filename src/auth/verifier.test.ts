import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecKey, ISSUER, keySetText, token } from '../../test/fixtures/issuer.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import { LIMITS } from '../core/limits.ts';
import { type Closable, type Lasting, Scope } from '../core/scope.ts';
import { issuerPlaces } from './issuer-metadata.ts';
import { lastingVerifier } from './verifier.ts';

const lasting: Lasting = {
  hold: <T extends Closable>(scope: Scope, _key: string, make: () => T): T => scope.own(make()),
};

test('an issuer whose keys move again and again leaves no connection behind at their old addresses', async () => {
  const ports = testPorts();
  const scope = new Scope();
  const [open, asked] = [new Set<string>(), [] as string[]];
  let [key, moved] = [ecKey('0'), 0];
  const textAt = (url: string, owner: Scope) => {
    const isKeys = url.includes('/keys');
    if (isKeys) open.add(url);
    owner.defer(() => void open.delete(url));
    return async () => {
      asked.push(url);
      if (isKeys) return keySetText(key);
      return JSON.stringify({ issuer: ISSUER, jwks_uri: `https://host-${moved}.test/keys` });
    };
  };
  const issuer = { issuer: ISSUER, audiences: [], requiredClaims: [] };
  const jwks = { metadata: issuerPlaces(ISSUER) };
  const verifier = lastingVerifier([{ ...issuer, jwks }], { policy: 'test', ports, lasting, scope, textAt });
  for (moved = 0; moved < 4; moved += 1) {
    key = ecKey(String(moved));
    await verifier.verify(await token(key, { claims: { exp: undefined } }));
    assert.deepEqual([...open], [`https://host-${moved}.test/keys`]);
    await ports.clock.advance(LIMITS.keySetStale.value);
  }
  assert.equal(asked.filter((url) => url.includes('/keys')).length, 4);
  await scope.close();
  assert.equal(open.size, 0);
});
