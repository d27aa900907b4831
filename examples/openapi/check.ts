/** An HTTP API as tools: those that are left out are not there, the others become requests. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { callText, startExample, toolNames } from '../../test/fixtures/example.ts';
import { PetApi } from '../../test/fixtures/pet-api.ts';

export async function check(t: TestContext): Promise<void> {
  const api = await PetApi.start();
  t.after(() => api.close());
  const gateway = await startExample(t, 'openapi', { PETSTORE: api.url });
  const client = await gateway.connect();
  assert.deepEqual(await toolNames(client), ['listPets', 'addPet', 'getPet']);
  const pet = await callText(client, 'getPet', { path: { petId: 1 } });
  assert.equal((JSON.parse(pet) as { name: string }).name, 'Rex');
  await callText(client, 'addPet', { body: { name: 'Ada', tag: 'new' } });
  assert.deepEqual(JSON.parse(api.last?.body.toString() ?? ''), { name: 'Ada', tag: 'new' });
}
