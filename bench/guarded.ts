/**
 * What it costs to let in only whom one knows, to let them do only what they may, and that only so often: a call with
 * the same token, with and without the policies.
 */
import { ecKey, ISSUER, type IssuerKey, keySetText, token } from '../test/fixtures/issuer.ts';
import { callBody, HttpLane, openSessions, Template, withConnection } from './lanes.ts';
import { gatewayHttp, type Leg, type Running, type Variant } from './legs.ts';
import type { LoadScenario } from './scenarios.ts';
import { endpoint, exchange, request } from './session.ts';

const AUDIENCE = 'bench';
const LANES = 16;

interface Doors {
  readonly name: string;
  readonly policies: (keys: string) => Record<string, unknown>;
}

export const jwtAuth = (keys: string) => ({ issuer: ISSUER, audiences: [AUDIENCE], jwks: keys });

/** As people write them: whose, which tool, and what it may be given. */
export const mcpAuthorization = {
  rules: [
    { deny: 'mcp.tool.name.startsWith("delete_") && !("admins" in jwt.groups)' },
    { require: 'jwt.scope.contains("tools")' },
    { allow: 'mcp.tool.name == "echo" && jwt.groups.exists(group, group == "staff")' },
  ],
};

export const localRateLimit = [
  { maxTokens: 100_000_000, tokensPerFill: 100_000_000, fillInterval: '1s', key: 'jwt.sub' },
];

const DOORS: readonly Doors[] = [
  { name: 'open', policies: () => ({}) },
  { name: 'jwtAuth', policies: (keys) => ({ jwtAuth: jwtAuth(keys) }) },
  {
    name: 'jwtAuth, 3 rules',
    policies: (keys) => ({ jwtAuth: jwtAuth(keys), mcpAuthorization }),
  },
  {
    name: 'jwtAuth, 3 rules, keyed limit',
    policies: (keys) => ({ jwtAuth: jwtAuth(keys), mcpAuthorization, localRateLimit }),
  },
];

function legs(variant: Partial<Variant>): Leg[] {
  return DOORS.map(({ name, policies }): Leg => {
    const own = { name: variant.name ? `${variant.name}: ${name}` : name };
    return {
      ...gatewayHttp({ ...variant, ...own }),
      start: async (behind) => {
        const key = ecKey('bench');
        const bearer = await bearerOf(key, Date.now());
        const guards = policies(keySetText(key));
        const running = await gatewayHttp({ ...variant, ...own, policies: guards }).start(behind);
        return { ...running, url: withToken(running.url, bearer) };
      },
    };
  });
}

/** Of a client that all of them let in, for an hour from `now`. */
export function bearerOf(key: IssuerKey, now: number): Promise<string> {
  const exp = Math.floor(now / 1000) + 3600;
  const claims = { aud: AUDIENCE, sub: 'ann', exp, scope: 'tools read', groups: ['guests', 'staff'] };
  return token(key, { claims });
}

/** Where `endpoint` finds it. */
function withToken(url: string, bearer: string): string {
  const to = new URL(url);
  to.username = bearer;
  return to.href;
}

const body = (running: Running, lane: number): string => callBody(running.echo(lane % 2), 'x'.repeat(64));

export const guarded: LoadScenario = {
  kind: 'load',
  name: 'guarded-echo-64',
  about: 'tools/call, echo of 64 B with a token, by what is asked of who calls',
  behind: { targets: 2, toolsPerTarget: 1 },
  onRequest: true,
  lanes: LANES,
  legs,
  open: async (running, lanes) => {
    const to = endpoint(running.url);
    const [session] = await openSessions(running.url, 1);
    return Array.from(
      { length: lanes },
      (_, lane) => new HttpLane(to, [new Template(request(to, body(running, lane), session))]),
    );
  },
  verify: async (running) => {
    const to = endpoint(running.url);
    const [session] = await openSessions(running.url, 1);
    const text = await withConnection(to, async (connection) => {
      const { status, body: answer } = await exchange(
        connection,
        request(to, body(running, 0), session),
        '"result"',
      );
      return `${status} ${answer.toString()}`;
    });
    if (!text.startsWith('200') || !text.includes('x'.repeat(64))) throw new Error(text.slice(0, 500));
  },
};
