/**
 * The definitions that a question is answered with: everything that decides is what serves, and what lies beyond the
 * decision is stood in for. No server is connected and no limit is counted. Who asks may be given instead of proved,
 * which no policy of a serving gateway knows a way to.
 */
import { joinedIdentity } from '../auth/authenticated.ts';
import { claimsIdentity } from '../auth/jwt.ts';
import type { Location } from '../auth/location.ts';
import type { McpConfig } from '../backends/mcp/schema.ts';
import type { Definitions } from '../config/definitions.ts';
import type { BackendDefinition } from '../core/backend.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { Identity } from '../core/identity.ts';
import type { Phase, PolicyDefinition } from '../core/policy.ts';
import type { Layer, Service } from '../core/service.ts';
import { Flow } from '../lib/flow.ts';
import type { TargetDefinition } from '../mcp/definition.ts';
import { standardWith } from '../standard.ts';
import { type MemoryServer, memoryServer } from '../testing/memory-server.ts';
import { memoryTarget } from '../testing/memory-target.ts';
import { AskedExchange } from './exchange.ts';
import { offered } from './names.ts';
import type { AskedItem, Client, CredentialKind, Question } from './question.ts';

/** The backend that an exchange came to. */
export interface Arrival {
  /** Undefined: of another kind than `mcp`. */
  readonly mcp: McpConfig | undefined;
  readonly kind: string;
}

/** What a server was asked in the end. */
export interface Reached {
  readonly target: string;
  /** As that server knows it. */
  readonly name: string;
}

/** Limits, changes and second tries come after the decision. */
const EXPLAINED: readonly Phase[] = ['edge', 'authenticate', 'authorize'];

const CALLS: Readonly<Record<AskedItem['kind'], { readonly method: string; readonly member: string }>> = {
  tool: { method: 'tools/call', member: 'name' },
  prompt: { method: 'prompts/get', member: 'name' },
  resource: { method: 'resources/read', member: 'uri' },
};

export class Stage {
  readonly definitions: Definitions;
  arrival: Arrival | undefined;
  readonly #question: Question;
  /** Makes the message, once it is known which endpoint it goes to. */
  readonly #arrived: (exchange: AskedExchange, config: McpConfig) => void;
  readonly #servers: { readonly target: string; readonly server: MemoryServer }[] = [];
  /** Backends take turns, but all requests of a question are about the same one. */
  #endpoint: { readonly config: McpConfig; readonly handle: Service<Exchange, Answer> } | undefined;
  /** What the server of each target offers, while the backend that has them is built. */
  #offers: ReadonlyMap<string, readonly string[]> = new Map();
  #built = 0;

  constructor(question: Question, arrived: (exchange: AskedExchange, config: McpConfig) => void) {
    this.#question = question;
    this.#arrived = arrived;
    this.definitions = standardWith(
      {},
      {
        policy: (policy) => explained(policy, question.client),
        target: (target) => this.#target(target),
        backend: (backend) => (backend.key === 'mcp' ? this.#mcp(backend) : this.#other(backend)),
      },
    );
  }

  get reached(): Reached | undefined {
    const { item } = this.#question;
    if (!item) return undefined;
    const { method, member } = CALLS[item.kind];
    for (const { target, server } of this.#servers) {
      const call = server.requests.find((request) => request.method === method);
      if (call) return { target, name: String(call.params[member]) };
    }
    return undefined;
  }

  #mcp(backend: BackendDefinition): BackendDefinition {
    return {
      ...backend,
      build: (config, deps) => {
        const mcp = config as McpConfig;
        const { item } = this.#question;
        this.#built += 1;
        this.#offers = new Map(
          mcp.targets.map((target) => [target.name, item ? offered(mcp, target, item) : []]),
        );
        const built = backend.build(config, deps);
        return {
          ...built,
          handle: (exchange) => {
            this.arrival ??= { mcp, kind: backend.key };
            this.#endpoint ??= { config: mcp, handle: built.handle };
            if (!item || !(exchange instanceof AskedExchange)) return nothingMore();
            this.#arrived(exchange, this.#endpoint.config);
            return this.#endpoint.handle(exchange);
          },
        };
      },
    };
  }

  #other(backend: BackendDefinition): BackendDefinition {
    const handle = (): Promise<Answer> => {
      this.arrival = { mcp: undefined, kind: backend.key };
      return nothingMore();
    };
    return { ...backend, build: () => ({ handle }) };
  }

  #target(definition: TargetDefinition): TargetDefinition {
    return {
      ...definition,
      // Endpoints may have the same server and show it in different ways.
      identity: () => this.#built,
      build: (_config, deps) => {
        const server = this.#server(deps.name);
        this.#servers.push({ target: deps.name, server });
        return memoryTarget({ [deps.name]: server }).build(deps.name, deps);
      },
    };
  }

  #server(target: string): MemoryServer {
    const { item } = this.#question;
    const names = this.#offers.get(target) ?? [];
    const of = (kind: AskedItem['kind']): readonly string[] => (item?.kind === kind ? names : []);
    const { annotations } = item ?? {};
    return memoryServer({
      name: target,
      lifecycle: 'shared',
      tools: of('tool').map((name) => ({ name, ...(annotations && { annotations }), call: () => 'reached' })),
      prompts: of('prompt').map((name) => ({ name, get: () => 'reached' })),
      resources: of('resource').map((uri) => ({ uri, name: uri, text: 'reached' })),
    });
  }
}

async function nothingMore(): Promise<Answer> {
  return { status: 200, headers: [], body: Flow.empty() };
}

function explained(policy: PolicyDefinition, client: Client): PolicyDefinition {
  if (!EXPLAINED.includes(policy.phase)) return { ...policy, build: () => ({}) };
  return {
    ...policy,
    build: (config, deps, loaded) => {
      const { exchange, mcp } = policy.build(config, deps, loaded);
      const layer =
        exchange && policy.phase === 'authenticate'
          ? presenting(exchange, { policy, config, client })
          : exchange;
      return { ...(layer && { exchange: layer }), ...(mcp && { mcp }) };
    },
  };
}

const READS: Readonly<Record<string, CredentialKind>> = {
  jwtAuth: 'jwt',
  mcpAuthentication: 'jwt',
  apiKey: 'apiKey',
  basicAuth: 'basicAuth',
};

interface Presented {
  readonly policy: PolicyDefinition;
  readonly config: unknown;
  readonly client: Client;
}

/** What the client brings stands where the policy will look for it. */
function presenting(layer: Layer<Exchange, Answer>, presented: Presented): Layer<Exchange, Answer> {
  const { policy, client } = presented;
  const kind = READS[policy.key];
  return (next) => {
    const verified = layer(next);
    return (exchange) => {
      const given = kind && givenIdentity(kind, presented);
      if (given) {
        exchange.identity = joinedIdentity(exchange.identity, given);
        exchange.principal = exchange.identity.principal;
        const finding = { policy: policy.key, place: 'given', mode: 'strict', outcome: 'proved' } as const;
        exchange.witness?.authenticated({ ...finding, identity: given });
        return next(exchange);
      }
      const value = kind && client.credentials[kind];
      if (value !== undefined && exchange instanceof AskedExchange) present(exchange, presented, value);
      return verified(exchange);
    };
  };
}

function givenIdentity(kind: CredentialKind, { config, client }: Presented): Identity | undefined {
  if (kind === 'jwt' && client.claims)
    return claimsIdentity({ iss: issuerOf(config), ...client.claims }, 'given');
  if (kind === 'apiKey' && client.metadata)
    return { principal: 'key:given', apiKey: { metadata: client.metadata } };
  return undefined;
}

/** Who would have made the token, where the claims do not say. */
function issuerOf(config: unknown): string {
  const { issuer, providers } = config as { issuer?: string; providers?: readonly { issuer: string }[] };
  return providers?.[0]?.issuer ?? issuer ?? '';
}

function present(exchange: AskedExchange, { policy, config }: Presented, value: string): void {
  const { location, authorizationLocation } = config as {
    location?: Location;
    authorizationLocation?: Location;
  };
  const scheme = policy.key === 'basicAuth' ? 'Basic ' : 'Bearer ';
  const place = location ??
    authorizationLocation ?? { kind: 'header', name: 'authorization', prefix: scheme };
  if (place.kind === 'header') exchange.offer(place.name, `${place.prefix}${value}`);
  else if (place.kind === 'cookie') exchange.add('cookie', `${place.name}=${value}`);
  else if (place.kind === 'query') exchange.addQuery(place.name, value);
}
