/** Descriptions of the records API of `plain-upstream.ts`: the same operation, among as many others as wanted. */

const text = (description: string) => ({ type: 'string', description });

const ITEM = {
  type: 'object',
  properties: {
    sku: text('Names the article.'),
    count: { type: 'integer', minimum: 0 },
    price: { type: 'number' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['sku', 'count'],
};

const RECORD = {
  type: 'object',
  properties: {
    id: text('Names the record.'),
    state: { type: 'string', enum: ['open', 'closed'] },
    total: { type: 'integer' },
    items: { type: 'array', items: { $ref: '#/components/schemas/Item' } },
    note: { type: 'string' },
  },
  required: ['id', 'items'],
};

const id = { name: 'id', in: 'path', required: true, schema: text('Names the record.') };
const fields = { name: 'fields', in: 'query', schema: { type: 'array', items: { type: 'string' } } };
const trace = { name: 'X-Request-Id', in: 'header', schema: { type: 'string' } };

const get = (operationId: string) => ({
  operationId,
  summary: 'One record with its items.',
  parameters: [id, fields, trace],
  responses: {
    200: {
      description: 'The record.',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Record' } } },
    },
  },
});

export function recordsDescription(operations: number): string {
  const others = Array.from({ length: operations - 1 }, (_, index) => [
    `/shelves-${index}/{id}`,
    { get: get(`getShelf${index}`) },
  ]);
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Records', version: '1' },
    paths: { '/records/{id}': { get: get('getRecord') }, ...Object.fromEntries(others) },
    components: { schemas: { Item: ITEM, Record: RECORD } },
  });
}
