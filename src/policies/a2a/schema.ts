/** The `a2a` key: the route, or the backend, is an agent. */
import { z } from 'zod';
import { parseHostPattern } from '../../a2a/webhook.ts';

export interface A2aConfig {
  /** Without a slash at the end. */
  readonly publicUrl: string | undefined;
  /** What a proxy in front says of where clients reach it. */
  readonly trustForwarded: boolean;
  readonly webhooks: {
    readonly hosts: readonly string[];
    readonly others: 'public' | 'none';
  };
  readonly catalog: CatalogConfig | undefined;
}

export interface CatalogConfig {
  readonly name: string;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

function isPlace(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '';
}

const hostSchema = z
  .string()
  .refine(
    (text) => parseHostPattern(text) !== undefined,
    'expected a host name, *.name, an IP address or a network such as 10.0.0.0/8',
  )
  .meta({ description: 'A host name, `*.name` for all below it, an IP address or a network.' });

const webhooksSchema = z
  .strictObject({
    hosts: z
      .array(hostSchema)
      .optional()
      .transform((hosts) => hosts ?? [])
      .meta({ description: 'Hosts that are allowed even where they lie in a private network.' }),
    others: z
      .enum(['public', 'none'])
      .optional()
      .transform((others) => others ?? ('public' as const))
      .meta({
        description:
          'What other hosts may be: `public` (default), where all addresses of a name have to be on the Internet, or `none` of them.',
      }),
  })
  .optional()
  .transform((webhooks) => webhooks ?? { hosts: [], others: 'public' as const })
  .meta({ description: 'Where clients may have the agent send push notifications.' });

const catalogSchema = z
  .strictObject({
    name: z.string().min(1).meta({ description: 'What the agent is called there.' }),
    description: z.string().optional().meta({ description: 'What it is good for.' }),
    tags: z.array(z.string().min(1)).optional().meta({ description: 'Words to find it by.' }),
  })
  .optional()
  .meta({
    description:
      'Lists the agent in the catalogue of its listener, `/.well-known/ai-catalog.json`, which is served where a route has this key.',
  });

export const a2aSchema = z
  .strictObject({
    publicUrl: z
      .string()
      .refine(isPlace, 'expected an http:// or https:// URL without query')
      .transform((text) => text.replace(/\/+$/, ''))
      .optional()
      .meta({
        description:
          'Where clients reach the gateway, e.g. https://agents.example.com, where something stands in front of it; default: scheme and host of each request. Paths of routes follow it.',
      }),
    trustForwarded: z.boolean().optional().meta({
      description:
        'Whether X-Forwarded-Proto, -Host and -Prefix of a request say where clients reach the gateway: only where a proxy in front sets them all, or takes them out. Default: they are not looked at.',
    }),
    webhooks: webhooksSchema,
    catalog: catalogSchema,
  })
  .refine(
    ({ publicUrl, trustForwarded }) => publicUrl === undefined || !trustForwarded,
    'say either where the gateway is (publicUrl) or that requests do (trustForwarded)',
  )
  .transform(
    ({ publicUrl, trustForwarded = false, webhooks, catalog }): A2aConfig => ({
      publicUrl,
      trustForwarded,
      webhooks,
      catalog,
    }),
  );
