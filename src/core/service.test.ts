import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Layer, stack } from './service.ts';

const around =
  (name: string): Layer<string[], string[]> =>
  (next) =>
  async (request) => [...(await next([...request, `${name} in`])), `${name} out`];

test('the first layer is the outermost: it sees the request first and the reply last', async () => {
  const service = stack([around('a'), around('b')], async (request) => [...request, 'service']);
  assert.deepEqual(await service([]), ['a in', 'b in', 'service', 'b out', 'a out']);
});

test('no layers leave the service as it is', () => {
  const service = async (): Promise<string> => 'x';
  assert.equal(stack([], service), service);
});

test('a layer can answer by itself', async () => {
  const refuse: Layer<string[], string[]> = () => async () => ['refused'];
  const service = stack([around('a'), refuse], () => assert.fail('was reached'));
  assert.deepEqual(await service([]), ['refused', 'a out']);
});
