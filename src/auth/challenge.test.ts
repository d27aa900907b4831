import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerChallenge, changedChallenges, isBearer, metadataOf, withMetadata } from './challenge.ts';

const PLACE = 'https://gw.test/.well-known/oauth-protected-resource/mcp';

test('says where metadata is, what to ask for, and what is wrong, each where there is something to say', () => {
  assert.equal(bearerChallenge(), 'Bearer');
  assert.equal(
    bearerChallenge({ metadata: PLACE, scopes: ['a', 'b'], problem: 'it "ended"' }),
    `Bearer resource_metadata="${PLACE}", scope="a b", error="invalid_token", error_description="it \\"ended\\""`,
  );
});

test('the metadata of a challenge is found however it is written', () => {
  for (const challenge of [
    `Bearer resource_metadata="${PLACE}"`,
    `Bearer scope="a, b", resource_metadata = "${PLACE}", error="x"`,
    `bearer scope="a",RESOURCE_METADATA=${PLACE}`,
    `Basic realm="x", Bearer resource_metadata="${PLACE.replaceAll('/', '\\/')}"`,
  ])
    assert.equal(metadataOf(challenge), PLACE, challenge);
  for (const challenge of ['Bearer', 'Bearer x_resource_metadata="a"', 'Basic realm="x"'])
    assert.equal(metadataOf(challenge), undefined, challenge);
});

test('metadata is named in place of other metadata, or first', () => {
  assert.equal(withMetadata('Bearer', PLACE), `Bearer resource_metadata="${PLACE}"`);
  assert.equal(
    withMetadata('Bearer error="insufficient_scope", scope="x"', PLACE),
    `Bearer resource_metadata="${PLACE}", error="insufficient_scope", scope="x"`,
  );
  assert.equal(
    withMetadata('Bearer scope="x", resource_metadata="http://old/$&", error="y"', PLACE),
    `Bearer scope="x", resource_metadata="${PLACE}", error="y"`,
  );
});

test('of headers only challenges are changed, and nothing is copied where none is', () => {
  const none = ['content-type', 'text/plain'];
  assert.equal(
    changedChallenges(none, () => 'x'),
    none,
  );
  assert.deepEqual(
    changedChallenges(['A', 'Bearer', 'WWW-Authenticate', 'Bearer'], (one) => `${one}!`),
    ['A', 'Bearer', 'WWW-Authenticate', 'Bearer!'],
  );
  assert.deepEqual([isBearer('bearer x="y"'), isBearer('Bearer'), isBearer('Bearerly')], [true, true, false]);
});
