/** No secret shows in anything that the gateway writes or answers, wherever it stands: the table is secret-places.ts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ConfigError, formatDiagnostics, loadConfig } from '../../src/index.ts';
import { Outputs, Witnesses } from '../fixtures/canaries.ts';
import { Authority } from '../fixtures/certificates.ts';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { addresses } from '../fixtures/gateway-state.ts';
import { McpHttpClient } from '../fixtures/mcp-http.ts';
import { freePort } from '../fixtures/programs.ts';
import { type Ask, type Place, places, type Stage } from './secret-places.ts';

const DYING = `console.error('argv ' + process.argv.slice(2).join(' '));
for (const [name, value] of Object.entries(process.env)) console.error('env ' + name + ' is ' + value);
for (const [name, value] of Object.entries(process.env)) console.error(name + ': ' + JSON.stringify(value));
setTimeout(() => process.exit(3), 50);`;

const folder = mkdtempSync(join(tmpdir(), 'redaction-'));
const witnesses = new Witnesses();
const authority = new Authority();
const outputs = new Outputs();
let table: Place[] = [];
let gateway: GatewayProcess | undefined;

async function stageOf(): Promise<Stage> {
  const dying = join(folder, 'dying.cjs');
  writeFileSync(dying, DYING);
  const repeat = (seen: string) => ({
    status: 401,
    body: JSON.stringify({
      error: 'invalid_client',
      error_description: `not accepted: ${seen}`,
      message: seen,
    }),
  });
  return {
    folder,
    witnesses,
    authority,
    fine: await witnesses.open(() => ({ status: 200, body: '"fine"' })),
    repeating: await witnesses.open(repeat),
    dead: await freePort(),
    dying,
  };
}

const routeName = (at: number): string => `place-${at}`;

function routesOf(rows: readonly Place[]): object[] {
  return rows.flatMap(({ route }, at) =>
    route
      ? [{ name: routeName(at), matches: [{ path: { pathPrefix: `/${routeName(at)}` } }], ...route }]
      : [],
  );
}

const documentOf = (routes: unknown, binds: readonly unknown[] = []): string =>
  `binds: [${[`{port: 3000, listeners: [{routes: ${JSON.stringify(routes)}}]}`, ...binds.map((bind) => JSON.stringify(bind))].join()}]\n`;

before(async () => {
  table = await places(await stageOf());
  const settings = Object.assign({}, ...table.map((place) => place.settings ?? {}), {
    adminAddr: 'localhost:0',
    logging: { level: 'trace', format: 'json' },
  });
  const config = documentOf(
    routesOf(table),
    table.flatMap(({ bind }) => bind ?? []),
  );
  const env = Object.assign({}, ...table.map((place) => place.env ?? {}));
  gateway = await startGateway({ config, settings, env });
});

after(async () => {
  await gateway?.stop();
  await witnesses.close();
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
});

function running(): GatewayProcess {
  assert.ok(gateway, 'the gateway runs');
  return gateway;
}

async function get(url: string, ask: Ask): Promise<void> {
  const { headers = {}, query } = ask;
  const reply = await fetch(query === undefined ? url : `${url}?${query}`, { headers });
  outputs.add(`reply of ${url}`, `${JSON.stringify([...reply.headers])}\n${await reply.text()}`);
  if (ask.status !== undefined) assert.equal(reply.status, ask.status, url);
}

async function call(url: string, { headers = {}, query }: Ask): Promise<void> {
  const client = new McpHttpClient(query === undefined ? url : `${url}?${query}`, { headers });
  const answers = [await client.initialize()];
  client.session = String(answers[0]?.headers['mcp-session-id'] ?? '');
  for (const message of ['tools/list', 'tools/call'])
    answers.push(await client.send(client.message(message, { name: 'echo', arguments: {} })));
  client.close();
  for (const { headers: fields, text } of answers)
    outputs.add(`MCP reply of ${url}`, `${JSON.stringify(fields)}\n${text}`);
}

test('every place is in use: the secrets let in, keep out, and arrive', async () => {
  const base = new URL(running().url).origin;
  for (const [at, { asks = [], arrives, name }] of table.entries()) {
    const url = `${base}/${routeName(at)}/mcp`;
    for (const ask of asks) await (ask.mcp ? call(url, ask) : get(url, ask));
    if (arrives !== undefined) assert.ok(witnesses.saw(arrives), `${name}: arrives`);
  }
});

/** The document with one mistake in it, at each string that holds the secret. */
function mistaken(value: unknown, secret: string): unknown[] {
  if (typeof value === 'string' && value.includes(secret))
    return [
      [value],
      { file: { of: value } },
      { [`x`]: value },
      `${value}\n`,
      `:${value}`,
      { file: `/no/such/folder` },
    ];
  if (Array.isArray(value))
    return value.flatMap((item, at) => mistaken(item, secret).map((one) => value.with(at, one)));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = mistaken(item, secret).map((one) => ({ ...value, [key]: one }));
    const beside = typeof item === 'string' && item.includes(secret) ? [{ ...value, [`${key}x`]: item }] : [];
    return [...inner, ...beside];
  });
}

/** Texts that are no YAML, or other YAML than somebody meant. */
const mangled = (secret: string): string[] => [
  `key: "${secret}`,
  `key: ${secret}: x`,
  `a:\n\tkey: ${secret}`,
  `key: *${secret}`,
  `key: !${secret} x`,
  `key: &${secret} {targets: *other}`,
  `key: @${secret}`,
  `key: %${secret}`,
  `key: \`${secret}`,
  `key: '${secret}'x`,
  `key: "x" ${secret}`,
  `key: |9\n ${secret}`,
  `a:\n  key: |\n    first\n ${secret}\n    last`,
  `a:\n  - key: >-\n${secret}\n`,
  `key: "\\q${secret}"`,
  `key: {a: 1, b: ${secret}\nother: x`,
  `key: [${secret}`,
  `key: ${secret}\n  more: x`,
  `key: ${secret}\nkey: ${secret}`,
  `key: ${secret}\n---\nkey: ${secret}`,
  `clientSecrt: ${secret}\nmpc: {}`,
  `htpaswd: ann:${secret}`,
];

function said(text: string): string | undefined {
  try {
    loadConfig(text, { file: 'config.yaml', folder, env: {} });
  } catch (error) {
    const diagnostics = error instanceof ConfigError ? formatDiagnostics(error.diagnostics) : '';
    return `${String(error)}\n${diagnostics}`;
  }
  return undefined;
}

test('mistakes beside a secret are told without it', () => {
  const [first] = table;
  for (const text of mangled(first?.secrets[0] ?? ''))
    outputs.add('error about a text that is no configuration', said(text) ?? '');
  let refused = 0;
  for (const { route, wrong: refusedRoute, secrets, settings, name } of table) {
    for (const secret of secrets) {
      const wrong = [
        ...(refusedRoute ? [documentOf([refusedRoute])] : []),
        ...mistaken(route ?? refusedRoute, secret).map((one) => documentOf([one])),
        ...mistaken(settings, secret).map((one) => `config: ${JSON.stringify(one)}`),
      ];
      for (const text of wrong) {
        const message = said(text);
        if (message === undefined) continue;
        refused += 1;
        outputs.add(`error about ${name}`, message);
      }
    }
  }
  assert.ok(refused > table.length, `${refused} mistakes`);
});

test('reloads that fail, and the command line, tell nothing of it', async () => {
  const { file } = running();
  const right = await readFile(file, 'utf8');
  const secret = table[0]?.secrets[0] ?? '';
  const routes = routesOf(table);
  const broken = [
    right.replace('"apiKey":{"keys"', '"apiKey":{"kees"'),
    right.replaceAll('"policies":{', '"policies":{"mistake":1,'),
    right.replaceAll('"stdio":{', '"stdio":{"lifecycle":"often",'),
    right.replace(JSON.stringify(routes), JSON.stringify(routes).replaceAll('.txt"', '.missing"')),
    ...mangled(secret).slice(3, 5),
  ];
  for (const [count, text] of broken.entries()) {
    assert.notEqual(text, right, `mistake ${count}`);
    writeFileSync(file, text);
    await until(
      () => running().log().split('configuration not reloaded').length > count + 1,
      `mistake ${count} is told`,
    );
  }
  const other = join(folder, 'broken.yaml');
  for (const text of broken.slice(0, 3)) {
    writeFileSync(other, text);
    const checked = launch(['-f', other, '--validate-only']);
    await until(() => checked.exitCode() !== undefined, 'it has been checked');
    outputs.add('--validate-only', checked.log());
  }
  writeFileSync(file, right);
  await running().said(/configuration reloaded/);
});

test('the dump, the metrics and the health have none of it', async () => {
  const { admin } = await addresses(running());
  const { statsUrl } = running();
  for (const url of [`${admin}/config_dump`, `${statsUrl}/metrics`, `${statsUrl}/healthz/ready`]) {
    const text = await (await fetch(url)).text();
    assert.ok(text.length > 100, url);
    outputs.add(url, text);
  }
});

describe('after all that', () => {
  before(async () => {
    const { stop, log } = running();
    await stop();
    outputs.add('the log', log());
    assert.match(log(), /"level":"debug"/);
    assert.match(log(), /argv .*\[redacted\]/, 'what children print is in the log');
  });

  test('no secret shows anywhere', () => {
    const findings = table.flatMap(({ name, secrets }) =>
      secrets.flatMap((secret) => outputs.findings(secret).map((where) => `${name} ${secret}\n    ${where}`)),
    );
    assert.deepEqual(findings.slice(0, 20), [], `${findings.length} findings`);
  });
});
