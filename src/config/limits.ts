/**
 * `config.limits` and `frontendPolicies`: how much clients and servers may ask of the gateway. The first names rows of
 * the table of limits; the second is what the Rust gateway calls some of them, and settings of HTTP/2.
 */
import { z } from 'zod';
import {
  LIMITS,
  type Limit,
  type LimitSettings,
  SETTABLE,
  type SettableLimit,
  STANDARD_LIMITS,
} from '../core/limits.ts';
import type { ClientHttpPlan, ConnectMode, ProxyProtocolPlan } from '../core/plan.ts';
import { durationSchema, sizeSchema } from '../core/schema.ts';
import { formatDuration } from '../lib/duration.ts';
import { formatSize } from '../lib/size.ts';

export type LimitsDocument = Partial<Record<SettableLimit, number>>;

export interface FrontendDocument {
  http: FrontendHttpDocument;
  tls: { handshakeTimeout?: number };
  connect: { mode: 'deny' | ConnectMode };
  proxy?: ProxyProtocolPlan;
  proxyProtocol?: ProxyProtocolPlan;
}

/** How connections to one of `binds` begin. */
export interface EntranceDocument {
  tunnelProtocol: 'direct' | 'proxy' | 'connect';
  proxyProtocol?: ProxyProtocolPlan;
}

interface FrontendHttpDocument {
  maxBufferSize?: number;
  http1MaxHeaders?: number;
  http1IdleTimeout?: number;
  http2WindowSize?: number;
  http2ConnectionWindowSize?: number;
  http2FrameSize?: number;
  http2MaxHeaderSize?: number;
  http2KeepaliveInterval?: number;
  http2KeepaliveTimeout?: number;
  maxConnectionDuration?: number;
}

const SCHEMAS = { bytes: sizeSchema, ms: durationSchema, count: z.int() } as const;
const FORMATS = { bytes: formatSize, ms: formatDuration, count: String } as const;

/** A value within `[least, most]`; without a row of its own there is no default to tell of. */
function bounded(unit: Limit['unit'], [least, most]: readonly [number, number], description: string) {
  const format = FORMATS[unit];
  return SCHEMAS[unit]
    .refine((value) => value >= least && value <= most, `must be from ${format(least)} to ${format(most)}`)
    .optional()
    .meta({ description });
}

function ofRow(name: SettableLimit) {
  const { unit, what, value, range }: Limit = LIMITS[name];
  return bounded(unit, range ?? [1, Number.MAX_SAFE_INTEGER], `${what} Default: ${FORMATS[unit](value)}.`);
}

export const limitsSchema = z
  .strictObject(Object.fromEntries(SETTABLE.map((name) => [name, ofRow(name)])))
  .default({})
  .meta({ description: 'How much clients and servers may ask of the gateway.' });

const WINDOW = [65_535, 2 ** 31 - 1] as const;
const SECOND = 1000;
const DAY = 86_400 * SECOND;

const httpSchema = z
  .strictObject({
    maxBufferSize: ofRow('requestBody'),
    http1MaxHeaders: ofRow('headerCount'),
    http1IdleTimeout: ofRow('idleConnection'),
    http2WindowSize: bounded('count', WINDOW, 'Bytes of one request on their way (default 65535).'),
    http2ConnectionWindowSize: bounded(
      'count',
      WINDOW,
      'Bytes of all requests of a connection on their way (default 65535).',
    ),
    http2FrameSize: bounded('count', [16_384, 2 ** 24 - 1], 'Largest frame that is taken (default 16384).'),
    http2MaxHeaderSize: bounded(
      'count',
      [1024, 1024 ** 2],
      'Bytes of all headers of a request over HTTP/2 (default: `config.limits.headerBytes`).',
    ),
    http2KeepaliveInterval: bounded(
      'ms',
      [SECOND, DAY],
      'Pause after which a client is asked whether it is still there (default: it is not asked).',
    ),
    http2KeepaliveTimeout: bounded(
      'ms',
      [100, DAY],
      'Time it has to answer that; then the connection is broken (default 20s).',
    ),
    maxConnectionDuration: bounded(
      'ms',
      [SECOND, 365 * DAY],
      'Age at which a connection is closed, after the request under way (default: none). For load balancers.',
    ),
  })
  .default({})
  .meta({ description: 'HTTP with clients, over each port.' });

const connectSchema = z
  .strictObject({
    mode: z.enum(['deny', 'route', 'tunnel']).meta({
      description:
        '`deny`: such requests are refused. `route`: they find their route like any other, and a `dynamic` backend there opens the tunnel. `tunnel`: nothing else is taken, and the connection goes on at the bind that has the port asked for.',
    }),
  })
  .default({ mode: 'deny' })
  .meta({ description: 'What becomes of CONNECT, on each port (default: it is refused).' });

const proxySchema = z
  .strictObject({
    version: z
      .enum(['v1', 'v2', 'all'])
      .default('v2')
      .meta({ description: 'Versions of the header that are taken.' }),
    mode: z.enum(['strict', 'optional']).default('strict').meta({
      description:
        '`strict`: a connection without it is closed. `optional`: it is taken as it is; then anybody who connects may claim to be anybody.',
    }),
  })
  .optional();

export const entranceShape = {
  tunnelProtocol: z.enum(['direct', 'proxy', 'connect']).default('direct').meta({
    description:
      '`proxy`: each connection begins with a PROXY header; `proxyProtocol` or `frontendPolicies.proxy` says which. `connect`: only CONNECT is taken, and the connection goes on at the bind that has the port asked for.',
  }),
  proxyProtocol: proxySchema.meta({
    description:
      'Each connection to this port begins with such a PROXY header, whatever `frontendPolicies.proxy` says of the others.',
  }),
};

export const frontendSchema = z
  .strictObject({
    http: httpSchema,
    tls: z
      .strictObject({ handshakeTimeout: ofRow('tlsHandshake') })
      .default({})
      .meta({ description: 'TLS with clients, over each port.' }),
    connect: connectSchema,
    proxy: proxySchema.meta({
      description: 'Every connection to every port begins with a PROXY header, which says whose it is.',
    }),
    proxyProtocol: proxySchema.meta({ description: 'The same as `proxy`.' }),
  })
  .prefault({})
  .meta({ description: 'For all connections of clients.' });

/** The rules have seen to it that no limit is set under both of its names. */
export function limitSettings(limits: LimitsDocument, frontend: FrontendDocument): LimitSettings {
  const written: Record<string, number | undefined> = { ...limits };
  for (const name of SETTABLE) written[name] ??= alsoSet(name, frontend);
  const set = Object.entries(written).filter(([, value]) => value !== undefined);
  return { ...STANDARD_LIMITS, ...Object.fromEntries(set) };
}

export function clientHttp({ http }: FrontendDocument): ClientHttpPlan {
  return {
    windowBytes: http.http2WindowSize,
    connectionWindowBytes: http.http2ConnectionWindowSize,
    frameBytes: http.http2FrameSize,
    http2HeaderBytes: http.http2MaxHeaderSize,
    pingMs: http.http2KeepaliveInterval,
    pongMs: http.http2KeepaliveTimeout,
    connectionMs: http.maxConnectionDuration,
  };
}

/** Of a port; what is within a tunnel is not tunnelled again. */
export function connectMode(
  { connect: { mode } }: FrontendDocument,
  bind: { mode: 'standard' | 'internal'; tunnelProtocol?: string },
): ConnectMode | undefined {
  if (bind.mode === 'internal') return mode === 'route' ? mode : undefined;
  return mode === 'tunnel' || bind.tunnelProtocol === 'connect'
    ? 'tunnel'
    : mode === 'route'
      ? mode
      : undefined;
}

/** Of a port: what it says for itself, or what the settings say for all. */
export function proxyProtocol(
  { proxy, proxyProtocol: also }: FrontendDocument,
  bind: Partial<EntranceDocument> = {},
): ProxyProtocolPlan | undefined {
  const said = bind.proxyProtocol ?? proxy ?? also;
  return said ?? (bind.tunnelProtocol === 'proxy' ? { version: 'v2', mode: 'strict' } : undefined);
}

function alsoSet(name: SettableLimit, frontend: FrontendDocument): number | undefined {
  const { also }: Limit = LIMITS[name];
  const [, place, key] = also?.split('.') ?? [];
  if (place === undefined || key === undefined) return undefined;
  return (frontend as unknown as Record<string, Record<string, number | undefined>>)[place]?.[key];
}
