import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerChallenge } from './challenge.ts';

const read = (...values: string[]) => bearerChallenge(values.flatMap((value) => ['www-authenticate', value]));

test('the address of the metadata and the scope are read from a Bearer challenge, however it is written', () => {
  const both = { resourceMetadata: 'https://a.example/x', scope: 'one two', error: undefined };
  assert.deepEqual(read('Bearer resource_metadata="https://a.example/x", scope="one two"'), both);
  assert.deepEqual(read('bearer SCOPE = "one two" , Resource_Metadata="https://a.example/x"'), both);
  assert.deepEqual(
    read('Basic realm="x"', 'Bearer scope="one two",resource_metadata="https://a.example/x"'),
    both,
  );
  assert.deepEqual(read('Basic realm="a, Bearer b", Bearer scope="one \\"two\\""'), {
    resourceMetadata: undefined,
    scope: 'one "two"',
    error: undefined,
  });
  assert.deepEqual(read('Bearer scope="mine", error=insufficient_scope, Basic realm="x", scope="theirs"'), {
    resourceMetadata: undefined,
    scope: 'mine',
    error: 'insufficient_scope',
  });
  assert.deepEqual(read('Bearer'), { resourceMetadata: undefined, scope: undefined, error: undefined });
});

test('where there is no such challenge there is nothing', () => {
  assert.equal(bearerChallenge([]), undefined);
  assert.equal(read('Basic realm="x"'), undefined);
  assert.equal(read('"'.repeat(1000), ',,,', '='), undefined);
});
