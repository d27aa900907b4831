/**
 * The shape of a configuration document, composed from the definitions: what people may write, with what defaults.
 * What one schema cannot say (references, clashes, exactly one of) stands in rules.ts.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { durationSchema, portSchema, type Secret, secretFileSchema } from '../core/schema.ts';
import { wholeRegExp } from '../lib/whole-regexp.ts';
import type { Definitions } from './definitions.ts';
import { hostPort } from './host-port.ts';
import { hostnameSchema } from './hostname.ts';
import {
  type EntranceDocument,
  entranceShape,
  type FrontendDocument,
  frontendSchema,
  type LimitsDocument,
  limitsSchema,
} from './limits.ts';
import { type Protocol, protocolSchema, type TlsDocument, tlsSchema } from './listener-tls.ts';
import { methodSchema } from './method.ts';
import { policySetSchema, policyShape } from './policies.ts';
import { type TcpRouteDocument, tcpRouteShape } from './tcp-routes.ts';
import { type RuleTest, testsSchema } from './tests.ts';

export type PolicySetDocument = Record<string, unknown>;

export interface ValueMatchDocument {
  name: string;
  value: { exact?: string; regex?: string };
}

export interface MatchDocument {
  path?: { exact?: string; pathPrefix?: string; regex?: string };
  method?: string;
  headers: ValueMatchDocument[];
  query: ValueMatchDocument[];
}

/** Besides these keys: one backend kind, unless `backend` names one. */
export interface RouteBackendDocument {
  weight: number;
  backend?: string;
  policies: PolicySetDocument;
  [kind: string]: unknown;
}

export interface RouteDocument {
  name?: string;
  hostnames: string[];
  matches: MatchDocument[];
  policies: PolicySetDocument;
  backends: RouteBackendDocument[];
}

interface Attached {
  gateways?: string | string[];
}

export interface ListenerDocument {
  name?: string;
  namespace?: string;
  hostname?: string;
  protocol?: Protocol;
  tls?: TlsDocument;
  policies: PolicySetDocument;
  routes: RouteDocument[];
  tcpRoutes: TcpRouteDocument[];
}

export interface BindDocument extends EntranceDocument {
  port?: number;
  address?: string;
  mode: 'standard' | 'internal';
  listeners: ListenerDocument[];
}

/** Besides these keys: listener policies. */
export interface GatewayListenerDocument {
  name?: string;
  hostname?: string;
  protocol?: Protocol;
  tls?: TlsDocument;
  [policy: string]: unknown;
}

export interface GatewayDocument {
  port: number;
  address?: string;
  protocol?: Protocol;
  tls?: TlsDocument;
  listeners?: GatewayListenerDocument[];
  [policy: string]: unknown;
}

/** Besides these keys: one backend kind. */
export interface NamedBackendDocument {
  name: string;
  policies: PolicySetDocument;
  [kind: string]: unknown;
}

/** Besides these keys: those of the `mcp` backend. */
export interface McpDocument {
  port?: number;
  gateways?: string | string[];
  policies: PolicySetDocument;
  [key: string]: unknown;
}

export interface SettingsDocument {
  adminAddr: string;
  statsAddr: string;
  readinessAddr?: string;
  session: { key?: Secret };
  mcp: { sessionTtl: number; maxSessions: number };
  limits: LimitsDocument;
  logging: { level: 'trace' | 'debug' | 'info' | 'warn' | 'error'; format?: 'text' | 'json' };
}

export interface ConfigDocument {
  config: SettingsDocument;
  frontendPolicies: FrontendDocument;
  binds: BindDocument[];
  gateways: Record<string, GatewayDocument>;
  routes: (RouteDocument & Attached)[];
  tcpRoutes: (TcpRouteDocument & Attached)[];
  backends: NamedBackendDocument[];
  mcp?: McpDocument;
  tests: readonly RuleTest[];
}

export function documentSchema(definitions: Definitions): z.ZodType<ConfigDocument> {
  const { policies, backends } = definitions;
  const kinds: Record<string, z.ZodType> = {};
  for (const backend of backends) kinds[backend.key] = backend.schema.optional();
  const route = routeShape(definitions, kinds);
  const tcpRoute = tcpRouteShape(definitions);
  const shape = {
    config: settingsSchema
      .nullish()
      .transform((settings) => settings ?? settingsSchema.parse({}))
      .meta({ description: 'Settings of the process.' }),
    frontendPolicies: frontendSchema,
    binds: z
      .array(bindSchema(definitions, route, tcpRoute))
      .default([])
      .meta({ description: 'Ports, and below each its listeners and routes.' }),
    gateways: z
      .record(z.string().min(1), gatewaySchema(definitions))
      .default({})
      .meta({ description: 'Named ports that `routes` and `mcp` attach to.' }),
    routes: z
      .array(z.strictObject({ ...route, gateways: gatewayRefs }))
      .default([])
      .meta({ description: 'Routes attached to gateways by name.' }),
    tcpRoutes: z
      .array(z.strictObject({ ...tcpRoute, gateways: gatewayRefs }))
      .default([])
      .meta({
        description: 'The same for connections that are passed on: to gateways of protocol TCP or TLS.',
      }),
    backends: z
      .array(
        z
          .strictObject({
            name: z.string().min(1),
            ...kinds,
            policies: policySetSchema(policies, 'backend').default({}),
          })
          .meta(exactlyOne(Object.keys(kinds))),
      )
      .default([])
      .meta({ description: 'Backends that routes refer to by name.' }),
    ...mcpShape(definitions),
    tests: testsSchema,
  };
  return z.strictObject(shape) as unknown as z.ZodType<ConfigDocument>;
}

function mcpShape({ backends, policies }: Definitions): Record<string, z.ZodType> {
  const mcp = backends.find((backend) => backend.key === 'mcp');
  if (!mcp) return {};
  if (!(mcp.schema instanceof z.ZodObject)) throw new TypeError('the mcp backend needs an object schema');
  const short = z.strictObject({
    port: portSchema
      .optional()
      .meta({ description: 'Own port (default 3000, unless a gateway called `default` exists).' }),
    gateways: gatewayRefs,
    policies: policySetSchema(policies, 'route').default({}),
    ...mcp.schema.shape,
  });
  return {
    mcp: short
      .optional()
      .meta({ description: 'The short form: one MCP endpoint on its own port or on gateways.' }),
  };
}

/** For editors; rules.ts says it to people, at the key that is too much. */
function exactlyOne(keys: readonly string[]) {
  return {
    description: `Exactly one of ${keys.join(', ')}.`,
    oneOf: keys.map((key) => ({ required: [key] })),
  };
}

const regexSource = z
  .string()
  .superRefine((source, context) => {
    try {
      wholeRegExp(source);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^.*\/\w*: /s, '') : 'unknown';
      context.addIssue({ code: 'custom', message: `not a regular expression: ${reason}`, input: source });
    }
  })
  .meta({ description: 'A regular expression that must match the whole value.' });

const absolutePath = z.string().startsWith('/', 'a path begins with "/"');

const valueMatch = z.strictObject({
  name: z.string().min(1),
  value: z
    .strictObject({ exact: z.string().optional(), regex: regexSource.optional() })
    .meta(exactlyOne(['exact', 'regex'])),
});

const matchSchema = z.strictObject({
  path: z
    .strictObject({
      exact: absolutePath.optional(),
      pathPrefix: absolutePath.optional().meta({ description: 'Ends at a `/` boundary.' }),
      regex: regexSource.optional(),
    })
    .optional()
    .meta(exactlyOne(['exact', 'pathPrefix', 'regex'])),
  method: methodSchema.optional(),
  headers: z.array(valueMatch).default([]).meta({ description: 'All must match.' }),
  query: z.array(valueMatch).default([]).meta({ description: 'All must match.' }),
});

const gatewayRefs = z
  .union([z.string(), z.array(z.string()).min(1)])
  .optional()
  .meta({
    description: 'A gateway, `gateway/listener`, or a list of them (default: the gateway called `default`).',
  });

const addressSchema = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || /^[A-Za-z][A-Za-z0-9.-]*$/.test(text),
    'expected an address such as 127.0.0.1, 0.0.0.0 or ::',
  )
  .optional()
  .meta({ description: 'Address to listen on (default: loopback, IPv4 and IPv6).' });

function routeShape({ policies }: Definitions, kinds: Record<string, z.ZodType>) {
  const shape = {
    weight: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(1)
      .meta({ description: 'Share of the traffic among the backends.' }),
    backend: z.string().min(1).optional().meta({ description: 'Name of a top-level backend.' }),
    ...kinds,
    policies: policySetSchema(policies, 'backend').default({}),
  };
  const backend = z.strictObject(shape).meta(exactlyOne([...Object.keys(kinds), 'backend']));
  return {
    name: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'For logs; keeps what belongs to the route over reloads.' }),
    hostnames: z
      .array(hostnameSchema)
      .default([])
      .meta({ description: 'Hosts this route serves (default: all).' }),
    matches: z
      .array(matchSchema)
      .default([])
      .meta({ description: 'One of them must match (default: every path).' }),
    policies: policySetSchema(policies, 'route').default({}),
    backends: z.array(backend).default([]).meta({ description: 'Several: balanced by weight.' }),
  };
}

function bindSchema({ policies }: Definitions, route: z.ZodRawShape, tcpRoute: z.ZodRawShape) {
  const listener = z.strictObject({
    name: z.string().min(1).optional(),
    namespace: z.string().min(1).optional().meta({ description: 'Put before the name in logs and keys.' }),
    hostname: hostnameSchema.optional(),
    protocol: protocolSchema,
    tls: tlsSchema.optional(),
    policies: policySetSchema(policies, 'listener')
      .default({})
      .meta({ description: 'For every route below.' }),
    routes: z.array(z.strictObject(route)).default([]),
    tcpRoutes: z
      .array(z.strictObject(tcpRoute))
      .default([])
      .meta({ description: 'In place of `routes` where the protocol is TCP or TLS.' }),
  });
  return z.strictObject({
    port: portSchema.optional().meta({
      description: 'TCP port; 0 asks the system for a free one. An internal bind without: every port.',
    }),
    address: addressSchema,
    mode: z
      .enum(['standard', 'internal'])
      .default('standard')
      .meta({ description: '`internal`: opens no socket; reached from within the gateway alone.' }),
    ...entranceShape,
    listeners: z.array(listener).default([]).meta({ description: 'Told apart by hostname.' }),
  });
}

function gatewaySchema({ policies }: Definitions) {
  const inline = policyShape(policies, 'listener');
  const listener = z.strictObject({
    name: z.string().min(1).optional(),
    hostname: hostnameSchema.optional(),
    protocol: protocolSchema,
    tls: tlsSchema.optional(),
    ...inline,
  });
  return z.strictObject({
    port: portSchema,
    address: addressSchema,
    protocol: protocolSchema,
    tls: tlsSchema.optional(),
    listeners: z.array(listener).optional().meta({ description: 'Default: one listener for every host.' }),
    ...inline,
  });
}

const settingsSchema = z.strictObject({
  adminAddr: hostPort
    .default('localhost:15000')
    .meta({ description: 'Where the administration address listens.' }),
  statsAddr: hostPort
    .default('localhost:15020')
    .meta({ description: 'Where metrics and readiness are served.' }),
  readinessAddr: hostPort
    .optional()
    .meta({ description: 'A further address for readiness; the stats address always serves it.' }),
  session: z
    .strictObject({
      key: z
        .union([
          z
            .string()
            .regex(/^[0-9A-Fa-f]{64}$/, 'expected 64 hexadecimal digits')
            .meta({ writeOnly: true }),
          secretFileSchema,
        ])
        .optional()
        .meta({
          description:
            'Seals session ids: 64 hex digits, or `{file}` with them, read at the start and at each reload. Default: random at each start.',
        }),
    })
    .default({}),
  mcp: z
    .strictObject({
      sessionTtl: durationSchema
        .default(1_800_000)
        .meta({ description: 'Idle time after which a session ends (default 30m).' }),
      maxSessions: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(10_000)
        .meta({ description: 'Sessions at the same time; one more is answered with 503 and Retry-After.' }),
    })
    .prefault({}),
  limits: limitsSchema,
  logging: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .meta({ description: 'The least severe lines that are written.' }),
      format: z
        .enum(['text', 'json'])
        .optional()
        .meta({ description: 'Default: text on a terminal, else json.' }),
    })
    .prefault({}),
});
