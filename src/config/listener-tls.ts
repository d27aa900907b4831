/** `tls` of a listener: its keys as the Rust gateway spells them, and what they mean in a plan. */
import { z } from 'zod';
import type { ListenerTls } from '../core/plan.ts';
import { isPem } from '../lib/pem.ts';
import { closest } from '../lib/suggest.ts';

export type Protocol = 'HTTP' | 'HTTPS' | 'TCP' | 'TLS';

export interface TlsDocument {
  mode: 'static';
  cert: string;
  key: string;
  root?: string;
  cipherSuites?: string[];
  minTLSVersion?: TlsVersion;
  minTlsVersion?: TlsVersion;
  maxTLSVersion?: TlsVersion;
  maxTlsVersion?: TlsVersion;
  keyExchangeGroups?: string[];
  alpn?: string[];
}

type TlsVersion = (typeof VERSIONS)[number];

const PROTOCOLS: readonly Protocol[] = ['HTTP', 'HTTPS', 'TCP', 'TLS'];
export const HTTP_ALPN: readonly string[] = ['h2', 'http/1.1'];
const VERSIONS = ['TLS_V1_2', 'TLS_V1_3'] as const;

/**
 * OpenSSL's name to the other spellings, in the order of preference when none are named: those with forward secrecy
 * and authenticated encryption. TLS 1.3 has none of those of 1.2, and the other way round.
 */
const SUITES_13: Readonly<Record<string, string>> = {
  TLS_AES_256_GCM_SHA384: 'TLS13_AES_256_GCM_SHA384',
  TLS_AES_128_GCM_SHA256: 'TLS13_AES_128_GCM_SHA256',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS13_CHACHA20_POLY1305_SHA256',
};
const SUITES_12: Readonly<Record<string, string>> = {
  'ECDHE-ECDSA-AES256-GCM-SHA384': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384': 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305': 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
};
const SUITES = { ...SUITES_13, ...SUITES_12 };

/** Spelling to the name that OpenSSL knows. */
const GROUPS: Readonly<Record<string, string>> = {
  X25519: 'X25519',
  'P-256': 'P-256',
  'P-384': 'P-384',
  X25519_MLKEM768: 'X25519MLKEM768',
};

const pemOrPath = (description: string) =>
  z
    .string()
    .min(1)
    .refine((text) => isPem(text) || !text.includes('\n'), 'expected the path of a PEM file, or PEM text')
    .meta({ description, format: 'path' });

const version = (description: string) => z.enum(VERSIONS).optional().meta({ description });

export const tlsSchema = z
  .strictObject({
    mode: z.enum(['static']).default('static').meta({ description: 'Certificate and key are given.' }),
    cert: pemOrPath(
      'The certificate, followed by intermediate ones: path of a PEM file, or PEM text. A changed file takes effect by itself.',
    ),
    key: pemOrPath('Its private key, likewise; not encrypted.'),
    root: pemOrPath(
      'Authorities of clients, likewise: each client must bring a certificate of one of them (mTLS).',
    ).optional(),
    cipherSuites: z
      .array(z.enum(Object.entries(SUITES).flat()))
      .min(1)
      .optional()
      .meta({ description: 'The only ones to use, best first (default: the nine of them).' }),
    minTLSVersion: version('Default: `TLS_V1_2`.'),
    minTlsVersion: version('The same as `minTLSVersion`.'),
    maxTLSVersion: version('Default: `TLS_V1_3`.'),
    maxTlsVersion: version('The same as `maxTLSVersion`.'),
    keyExchangeGroups: z
      .array(z.enum(Object.keys(GROUPS)))
      .min(1)
      .optional()
      .meta({
        description:
          'The only ones to use, best first (default: those of the Node release). `X25519_MLKEM768` needs a release with OpenSSL 3.5.',
      }),
    alpn: z.array(z.string().min(1).max(255)).min(1).optional().meta({
      description:
        'Protocols that clients may choose from, best first (default: `h2`, `http/1.1`, of which HTTPS takes no others; none for TLS).',
    }),
  })
  .meta({ description: 'How the listener ends TLS.' });

export const protocolSchema = z.enum(['HTTP', 'HTTPS', 'TCP', 'TLS']).optional().meta({
  description:
    'Default: HTTP; HTTPS where `tls` is given. TCP passes bytes on, TLS by the name asked for: without `tls` as they come, with it what is within.',
});

/** What a listener speaks that says nothing, or no more than `tls`. */
export function effectiveProtocol({ protocol, tls }: { protocol?: unknown; tls?: unknown }): Protocol {
  const meant = typeof protocol === 'string' ? closest(protocol, PROTOCOLS) : undefined;
  return PROTOCOLS.find((one) => one === meant) ?? (tls === undefined ? 'HTTP' : 'HTTPS');
}

export function isHttp(protocol: Protocol): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

/** undefined: TLS does not end there. The rules have seen to it that `protocol` and `tls` agree. */
export function listenerTls(tls: TlsDocument | undefined, protocol: Protocol): ListenerTls | undefined {
  if (tls === undefined) return undefined;
  const { cert, key, root, cipherSuites, keyExchangeGroups = [] } = tls;
  return {
    cert,
    key,
    root,
    minVersion: nodeVersion(tls.minTLSVersion ?? tls.minTlsVersion ?? 'TLS_V1_2'),
    maxVersion: nodeVersion(tls.maxTLSVersion ?? tls.maxTlsVersion ?? 'TLS_V1_3'),
    ciphers: cipherSuites ? cipherSuites.map(opensslSuite) : Object.keys(SUITES),
    groups: keyExchangeGroups.map((group) => GROUPS[group] ?? group),
    alpn: tls.alpn ?? (isHttp(protocol) ? HTTP_ALPN : []),
  };
}

function nodeVersion(version: TlsVersion): ListenerTls['minVersion'] {
  return version === 'TLS_V1_3' ? 'TLSv1.3' : 'TLSv1.2';
}

function opensslSuite(name: string): string {
  return Object.entries(SUITES).find((names) => names.includes(name))?.[0] ?? name;
}

export function isSuiteOf(suite: unknown, version: unknown): boolean {
  const names = Object.entries(version === 'TLS_V1_3' ? SUITES_13 : SUITES_12).flat();
  return names.some((name) => name === suite);
}
