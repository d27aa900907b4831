/** `tcpRoutes`: where connections go whose bytes are passed on. Their keys, and what they mean in a plan. */
import { z } from 'zod';
import type { Definitions } from './definitions.ts';
import { hostnameSchema } from './hostname.ts';
import { policySetSchema } from './policies.ts';

/** Besides these keys: one backend kind, unless `backend` names one. */
export interface TcpBackendDocument {
  weight: number;
  backend?: string;
  policies: Record<string, unknown>;
  [kind: string]: unknown;
}

export interface TcpRouteDocument {
  name?: string;
  namespace?: string;
  hostnames: string[];
  policies: Record<string, unknown>;
  backends: TcpBackendDocument[];
}

/** The kinds that can take connections. */
export function dialerKinds({ backends }: Definitions): string[] {
  return backends.filter(({ dialer }) => dialer).map(({ key }) => key);
}

export function tcpRouteShape(definitions: Definitions) {
  const { policies, backends } = definitions;
  const keys = dialerKinds(definitions);
  const kinds: Record<string, z.ZodType> = {};
  for (const { key, schema } of backends) if (keys.includes(key)) kinds[key] = schema.optional();
  const backend = z
    .strictObject({
      weight: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(1)
        .meta({ description: 'Share of the connections among the backends.' }),
      backend: z.string().min(1).optional().meta({ description: 'Name of a top-level backend.' }),
      ...kinds,
      policies: policySetSchema(policies, 'tcpRoute').default({}),
    })
    .meta({
      description: `Exactly one of ${[...keys, 'backend'].join(', ')}.`,
      oneOf: [...keys, 'backend'].map((key) => ({ required: [key] })),
    });
  return {
    name: z.string().min(1).optional().meta({ description: 'For logs.' }),
    namespace: z.string().min(1).optional().meta({ description: 'Put before the name in logs and keys.' }),
    hostnames: z
      .array(hostnameSchema)
      .default([])
      .meta({ description: 'Names asked for in TLS that this route serves (default: all, and none).' }),
    policies: policySetSchema(policies, 'tcpRoute').default({}),
    backends: z
      .array(backend)
      .default([])
      .meta({ description: 'Several: by weight; where one cannot be connected to, the next is tried.' }),
  };
}
