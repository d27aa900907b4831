/** The keys of `backendTLS`. */
import { z } from 'zod';
import { isPem } from '../../lib/pem.ts';
import type { UpstreamTls } from '../../upstream/tls.ts';

/** A host name, a URI or an address: which of them is told by its form. */
const ALT_NAME = /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|[A-Za-z][A-Za-z0-9+.-]*:\S+|[0-9A-Fa-f:.]+)$/;
const HOST_NAME = /^(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

const pemOrPath = (description: string) =>
  z
    .string()
    .min(1)
    .refine((text) => isPem(text) || !text.includes('\n'), 'expected PEM text or the path of a PEM file')
    .optional()
    .meta({ description: `${description}: PEM text, or the path of a PEM file.`, format: 'path' });

const tlsShape = z.strictObject({
  hostname: z
    .string()
    .regex(HOST_NAME, 'expected a host name')
    .optional()
    .meta({ description: 'Name in SNI and in the certificate; default: the host of the upstream.' }),
  root: pemOrPath("Certificate authorities instead of the system's"),
  cert: pemOrPath('Certificate of the gateway, then intermediate ones; needs `key`'),
  key: pemOrPath('Private key of `cert`'),
  insecure: z
    .boolean()
    .optional()
    .meta({ description: 'Verify nothing: whoever answers is believed (default false).' }),
  insecureHost: z
    .boolean()
    .optional()
    .meta({ description: 'Verify who vouches for the certificate, not its names (default false).' }),
  subjectAltNames: z
    .array(z.string().regex(ALT_NAME, 'expected a host name, a URI or an IP address'))
    .min(1)
    .optional()
    .meta({
      description:
        'Names of which the certificate must have one, instead of the host name: DNS names, URIs (`spiffe://...`), IP addresses.',
    }),
  alpn: z
    .array(z.enum(['h2', 'http/1.1']))
    .min(1)
    .optional()
    .meta({ description: 'Protocols that are offered, best first. Default: those that fit the backend.' }),
});

/** What verifying nothing leaves without a meaning. */
const VERIFYING = ['root', 'insecureHost', 'subjectAltNames'] as const;

export const backendTlsSchema: z.ZodType<UpstreamTls> = tlsShape.superRefine((tls, context) => {
  const problem = (key: keyof typeof tls, message: string): void =>
    context.addIssue({ code: 'custom', message, path: [key], input: tls });
  if (tls.cert !== undefined && tls.key === undefined) problem('cert', 'needs `key`, its private key');
  if (tls.key !== undefined && tls.cert === undefined)
    problem('key', 'needs `cert`, the certificate it belongs to');
  for (const key of VERIFYING)
    if (tls.insecure && tls[key]) problem(key, 'has no meaning beside `insecure`, which verifies nothing');
});
