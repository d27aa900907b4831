import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openapiSchema } from './schema.ts';

const messageOf = (schema: string): string =>
  JSON.stringify(openapiSchema.safeParse({ host: 'http://x', schema }).error?.issues ?? []);

test('a place where a description is expected gets told how places are written', () => {
  for (const place of ['petstore.yaml', './my pets.json', 'https://x/openapi.json', 'pets\n'])
    assert.match(messageOf(place), /for a file write \{file: path\}, for an address \{url: address\}/, place);
  for (const text of ['{"openapi":"9"}', 'openapi: 9', 'a\nb', '[1]'])
    assert.match(messageOf(text), /cannot be used: [^;]*"/, text);
});
