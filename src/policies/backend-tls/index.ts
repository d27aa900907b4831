/**
 * The `backendTLS` policy: TLS towards the upstream. It adds no layer; whoever connects reads it with `upstreamTls`.
 * Certificates of `https` upstreams are verified with or without it.
 */
import { z } from 'zod';
import { definePolicy } from '../../core/policy.ts';
import { isPem, type UpstreamTls } from '../../upstream/tls.ts';

export { upstreamTls } from '../../upstream/tls.ts';

const HOST_NAME = /^(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

const backendTlsSchema: z.ZodType<UpstreamTls> = z.strictObject({
  hostname: z
    .string()
    .regex(HOST_NAME, 'expected a host name')
    .optional()
    .meta({ description: 'Name in SNI and in the certificate; default: the host of the upstream.' }),
  root: z
    .string()
    .refine((text) => isPem(text) || !text.includes('\n'), 'expected PEM text or the path of a PEM file')
    .optional()
    .meta({
      description: "Certificate authorities instead of the system's: PEM text, or the path of a PEM file.",
      format: 'path',
    }),
});

export const backendTls = definePolicy({
  key: 'backendTLS',
  phase: 'resilience',
  attach: ['route', 'backend', 'target'],
  schema: backendTlsSchema,
  build: () => ({}),
});
