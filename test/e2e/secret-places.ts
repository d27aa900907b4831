/**
 * Every place where a secret can stand: one row each, for redaction.test.ts. A row brings a route of its own, asks it
 * so that the secret is used (good) and refused (bad), and names what must not show. A new place is a new row.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canary, type Witnesses } from '../fixtures/canaries.ts';
import { type Authority, type PairPem, pemOf } from '../fixtures/certificates.ts';
import { ecKey, ISSUER, token } from '../fixtures/issuer.ts';

export interface Place {
  readonly name: string;
  /** What must show nowhere. */
  readonly secrets: readonly string[];
  readonly route?: Route;
  /** A route that does not load. */
  readonly wrong?: Route;
  /** A port of its own, beside that of the routes. */
  readonly bind?: Readonly<Record<string, unknown>>;
  /** Variables of the gateway. */
  readonly env?: Readonly<Record<string, string>>;
  /** Merged over `config:`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Requests to its route, good and bad. Default: one that has nothing to do with it. */
  readonly asks?: readonly Ask[];
  /** What a server gets to see when the secret is used; nothing where only the gateway does. */
  readonly arrives?: string;
}

export interface Route {
  readonly policies?: Readonly<Record<string, unknown>>;
  readonly backends: readonly Readonly<Record<string, unknown>>[];
}

export interface Ask {
  /** What comes back; undefined: whatever. */
  readonly status?: number;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of a GET: a session and a call, over MCP. */
  readonly mcp?: boolean;
}

export interface Stage {
  readonly folder: string;
  readonly witnesses: Witnesses;
  readonly authority: Authority;
  /** Ports of servers: answers 200; answers 401 and repeats what it got; accepts nothing. */
  readonly fine: number;
  readonly repeating: number;
  readonly dead: number;
  /** Path of a stdio server that prints what it has and leaves. */
  readonly dying: string;
}

const MCP: Ask = { mcp: true };
const GET: Ask = {};

export async function places(stage: Stage): Promise<Place[]> {
  return [
    ...doors(stage),
    ...(await tokens(stage)),
    ...credentials(stage),
    ...(await oauth(stage)),
    ...certificates(stage),
    ...addresses(stage),
    ...children(stage),
    ...settings(),
    ...requests(stage),
  ];
}

const host = (port: number) => [{ host: `127.0.0.1:${port}` }];
const servers = (...targets: readonly object[]): Route['backends'] => [{ mcp: { targets } }];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

function fileWith({ folder }: Stage, secret: string): { file: string } {
  const file = join(folder, `${createHash('sha256').update(secret).digest('hex').slice(0, 12)}.txt`);
  writeFileSync(file, `${secret}\n`);
  return { file };
}

function doors(stage: Stage): Place[] {
  const [plain, inFile, password, wrong] = [canary(), canary(), canary(), canary()];
  const hash = createHash('sha1').update(password).digest('base64');
  const basic = (word: string) => ({
    authorization: `Basic ${Buffer.from(`ann:${word}`).toString('base64')}`,
  });
  const backends = host(stage.fine);
  const asks = (key: string): Ask[] => [
    { headers: bearer(key), status: 200 },
    { headers: bearer(`${key}x`), status: 401 },
    { headers: { authorization: key }, status: 401 },
  ];
  return [
    {
      name: 'apiKey: a key',
      secrets: [plain],
      route: { policies: { apiKey: { keys: [{ key: plain }] } }, backends },
      asks: asks(plain),
    },
    {
      name: 'apiKey: a key in a file',
      secrets: [inFile],
      route: { policies: { apiKey: { keys: [{ key: fileWith(stage, inFile) }] } }, backends },
      asks: asks(inFile),
    },
    {
      name: 'basicAuth: hashes, and passwords that clients send',
      secrets: [password, hash, wrong],
      route: { policies: { basicAuth: { htpasswd: `ann:{SHA}${hash}` } }, backends },
      asks: [
        { headers: basic(password), status: 200 },
        { headers: basic(wrong), status: 401 },
      ],
    },
  ];
}

async function tokens(stage: Stage): Promise<Place[]> {
  const key = ecKey('one');
  const privateKey = key.privateKey.export({ format: 'jwk' });
  const route = (jwk: object): Route => ({
    policies: {
      jwtAuth: { issuer: ISSUER, audiences: ['tools.test'], jwks: JSON.stringify({ keys: [jwk] }) },
    },
    backends: host(stage.fine),
  });
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const good = await token(key, { claims: { exp } });
  const expired = await token(key, { claims: { exp: 1 } });
  const signature = (text: string) => text.split('.')[2] ?? '';
  return [
    {
      name: 'jwtAuth: tokens',
      secrets: [signature(good), signature(expired)],
      route: route(key.jwk),
      asks: [
        { headers: bearer(good), status: 200 },
        { headers: bearer(expired), status: 401 },
      ],
    },
    {
      name: 'jwtAuth: the private half of a key',
      secrets: [String(privateKey.d)],
      wrong: route({ ...key.jwk, d: privateKey.d }),
    },
  ];
}

function credentials(stage: Stage): Place[] {
  const backendKey = (name: string, make: (secret: string) => unknown): Place[] =>
    [stage.fine, stage.repeating, stage.dead].map((port, at) => {
      const secret = canary();
      return {
        name: `backendAuth.key: ${name}, upstream ${at}`,
        secrets: [secret],
        route: { policies: { backendAuth: { key: make(secret) } }, backends: host(port) },
        // What a plain upstream repeats is its own answer, which passes as it is.
        asks: port === stage.repeating ? [] : [GET],
        ...(port === stage.fine ? { arrives: secret } : {}),
      };
    });
  const target = (name: string, port: number): Place => {
    const secret = canary();
    const policies = { backendAuth: { key: secret } };
    return {
      name: `backendAuth.key of a target: ${name}`,
      secrets: [secret],
      route: { backends: servers({ name: 'one', mcp: { host: `http://127.0.0.1:${port}/mcp` }, policies }) },
      asks: [MCP],
      ...(port === stage.dead ? {} : { arrives: secret }),
    };
  };
  const [variable, own, header] = [canary(), canary(), canary()];
  return [
    ...backendKey('a text', (secret) => secret),
    ...backendKey('a file', (secret) => fileWith(stage, secret)),
    ...backendKey('in a header', (value) => ({ value, location: { header: { name: 'x-key' } } })),
    ...backendKey('in the query', (value) => ({ value, location: { queryParameter: { name: 'key' } } })),
    ...backendKey('in a cookie', (value) => ({ value, location: { cookie: { name: 'sid' } } })),
    target('a server that repeats it', stage.repeating),
    target('a dead server', stage.dead),
    {
      name: 'backendAuth.key: a variable',
      secrets: [variable],
      env: { SECRET_PLACE: variable },
      route: {
        policies: { backendAuth: { key: ['$', '{SECRET_PLACE}'].join('') } },
        backends: host(stage.fine),
      },
      asks: [{ status: 200 }],
      arrives: variable,
    },
    {
      name: 'headers that are set towards an upstream',
      secrets: [own, header],
      route: {
        backends: host(stage.fine).map((backend) => ({
          ...backend,
          policies: {
            requestHeaderModifier: { set: { 'x-api-key': own } },
            transformations: { request: { set: { authorization: `"Bearer ${header}"` } } },
          },
        })),
      },
      asks: [{ status: 200 }],
      arrives: header,
    },
  ];
}

async function oauth(stage: Stage): Promise<Place[]> {
  const [refused, taken, got, login, store] = [canary(), canary(), canary(), canary(), canary()];
  const tokens = await stage.witnesses.open(() => ({
    status: 200,
    body: JSON.stringify({ access_token: got, token_type: 'Bearer', expires_in: 3600 }),
  }));
  const client = (port: number, clientSecret: unknown, clientAuth: string): Route => ({
    policies: {
      backendAuth: {
        oauthClientCredentials: {
          tokenUrl: `http://127.0.0.1:${port}/token`,
          clientId: 'gateway',
          clientSecret,
          clientAuth,
        },
      },
    },
    backends: host(stage.fine),
  });
  const oauthAuthorizationCode = {
    clientId: 'gateway',
    clientSecret: login,
    authorizationServer: `http://127.0.0.1:${stage.repeating}`,
    shared: true,
    store: { file: join(stage.folder, 'logins'), key: `${store}${'.'.repeat(32)}` },
  };
  const server = { name: 'one', mcp: { host: `http://127.0.0.1:${stage.repeating}/mcp` } };
  return [
    {
      name: 'oauthClientCredentials: a client that is refused',
      secrets: [refused],
      route: client(stage.repeating, refused, 'post'),
      asks: [{ status: 502 }],
      arrives: refused,
    },
    {
      name: 'oauthClientCredentials: a secret in a file, and the token it is for',
      secrets: [taken, got],
      route: client(tokens, fileWith(stage, taken), 'basic'),
      asks: [{ status: 200 }],
      arrives: got,
    },
    {
      name: 'oauthAuthorizationCode: secret of the client, key of the store',
      secrets: [login, store],
      route: { backends: servers({ ...server, policies: { backendAuth: { oauthAuthorizationCode } } }) },
      asks: [MCP],
    },
  ];
}

/** Of a key in PEM its first line tells enough. */
function certificates(stage: Stage): Place[] {
  const [own, listener] = ['gateway', 'listener.test'].map((name) => pemOf(stage.authority.issue(name))) as [
    PairPem,
    PairPem,
  ];
  const secrets = ({ key }: PairPem): string[] => [key.split('\n')[1] ?? ''];
  return [
    {
      name: 'backendTLS.key',
      secrets: secrets(own),
      route: {
        policies: { backendTLS: own },
        backends: [{ host: `https://127.0.0.1:${stage.fine}` }],
      },
      asks: [{ status: 502 }],
    },
    {
      name: 'tls.key of a listener',
      secrets: secrets(listener),
      bind: { port: 0, listeners: [{ protocol: 'HTTPS', tls: listener, routes: [] }] },
    },
  ];
}

function addresses(stage: Stage): Place[] {
  const place = (name: string, arrives: boolean, address: (secret: string) => object): Place => {
    const secret = canary();
    return {
      name,
      secrets: [secret],
      route: { backends: servers({ name: 'one', ...address(secret) }) },
      asks: [MCP],
      ...(arrives ? { arrives: secret } : {}),
    };
  };
  return [stage.repeating, stage.dead].flatMap((port) => {
    const alive = port !== stage.dead;
    const at = `127.0.0.1:${port}`;
    const name = (what: string) => `${what} of a ${alive ? 'server that repeats it' : 'dead server'}`;
    return [
      place(name('URL with a password'), alive, (secret) => ({
        mcp: { host: `http://user:${secret}@${at}/mcp` },
      })),
      place(name('URL with a user alone'), alive, (secret) => ({
        sse: { host: `http://${secret}@${at}/sse` },
      })),
      place(name('URL with a key'), alive, (secret) => ({
        mcp: { host: `http://${at}/mcp?api_key=${secret}` },
      })),
    ];
  });
}

/** The children print all their arguments and variables, and leave. */
function children(stage: Stage): Place[] {
  const child = (name: string, make: (secret: string) => { args?: string[]; env?: object }): Place => {
    const secret = canary();
    const { args = [], env = {} } = make(secret);
    const stdio = { cmd: process.execPath, args: [stage.dying, ...args], env };
    return {
      name: `stdio: ${name}`,
      secrets: [secret],
      route: { backends: servers({ name: 'one', stdio }) },
      asks: [MCP],
    };
  };
  return [
    child('a variable', (secret) => ({ env: { GITHUB_TOKEN: secret } })),
    child('a variable from a file', (secret) => ({ env: { ANYTHING: fileWith(stage, secret) } })),
    child('a variable of several lines', (secret) => ({
      env: { SIGNING_KEY: `first-line\n${secret}\nlast` },
    })),
    child('an argument behind a flag', (secret) => ({ args: ['--token', secret] })),
    child('an argument with its name', (secret) => ({ args: [`--api-key=${secret}`] })),
    child('a header as an argument', (secret) => ({ args: [`--header=Authorization: Bearer ${secret}`] })),
    child('a URL as an argument', (secret) => ({ args: [`postgres://user:${secret}@db.test/x`] })),
  ];
}

function settings(): Place[] {
  const key = canary().slice(2).padEnd(64, 'a');
  return [{ name: 'config.session.key', secrets: [key], settings: { session: { key } } }];
}

/** What clients send, wherever it leads: to a server, to a dead one, to nothing. */
function requests(stage: Stage): Place[] {
  const sent: readonly [string, (secret: string) => Ask][] = [
    ['Authorization', (secret) => ({ headers: bearer(secret) })],
    ['Authorization of another scheme', (secret) => ({ headers: { authorization: `Custom key=${secret}` } })],
    ['cookies', (secret) => ({ headers: { cookie: `session=${secret}; theme=dark` } })],
    ['a header with a key', (secret) => ({ headers: { 'x-api-key': secret } })],
    ['a token in the query', (secret) => ({ query: `access_token=${secret}&page=1` })],
    ['a key in the query', (secret) => ({ query: `key=${secret}` })],
    ['a signature in the query', (secret) => ({ query: `X-Amz-Signature=${secret}` })],
  ];
  return [stage.fine, stage.dead, undefined].flatMap((port) =>
    sent.map(([name, ask]): Place => {
      const secret = canary();
      return {
        name: `a request with ${name}, ${port === undefined ? 'to nothing' : `to port ${port}`}`,
        secrets: [secret],
        ...(port === undefined ? {} : { route: { backends: host(port) } }),
        asks: [ask(secret), { ...ask(secret), mcp: true }],
        ...(port === stage.fine ? { arrives: secret } : {}),
      };
    }),
  );
}
