/** The keys of `backendTLS`. */
import { z } from 'zod';
import { isPem } from '../../lib/pem.ts';
import type { UpstreamTls } from '../../upstream/tls.ts';

const HOST_NAME = /^(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

export const backendTlsSchema: z.ZodType<UpstreamTls> = z.strictObject({
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
