/** The `openapi` key under `targets[]`. */
import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { remoteUrl } from '../../mcp/remote/schema.ts';
import { readDocument } from '../../openapi/document.ts';

const patterns = z.array(z.string().min(1));

const inlineSchema = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    try {
      readDocument(text);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const message = isPlace(text) ? `${error.message}; ${PLACES}` : error.message;
      context.addIssue({ code: 'custom', message, input: '' });
    }
  })
  .meta({ description: 'The API description itself, as text.' });

const PLACES = 'for a file write {file: path}, for an address {url: address}';

/** Neither JSON nor a mapping of YAML, and as short as a path or an address is. */
function isPlace(text: string): boolean {
  return /^\s*[^\s{[][^\n]*$/.test(text.trimEnd()) && !/:\s/.test(text.trim());
}

const documentSchema = z
  .union([
    z.strictObject({
      file: z.string().min(1).meta({ description: 'A file; read again when it changes.', format: 'path' }),
    }),
    z.strictObject({
      url: z
        .string()
        .refine(
          (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
          'expected an http:// or https:// URL',
        )
        .meta({ description: 'An address; asked again every few minutes.' }),
    }),
    inlineSchema,
  ])
  .meta({
    description:
      'The API description: OpenAPI 3.1, 3.0 or Swagger 2.0, JSON or YAML; `{file}`, `{url}`, or its text.',
  });

const selectionSchema = z.strictObject({
  tags: patterns.optional().meta({ description: 'Only operations with one of these tags.' }),
  paths: patterns.optional().meta({ description: 'Only these paths, as the description writes them.' }),
  methods: z
    .array(z.enum(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE']))
    .optional()
    .meta({ description: 'Only these methods (default: all but OPTIONS and TRACE).' }),
  include: patterns
    .optional()
    .meta({ description: 'Only these: names of tools, or method and path (`GET /users/*`).' }),
  exclude: patterns.optional().meta({ description: 'Not these, whatever else is said.' }),
  deprecated: z.boolean().optional().meta({ description: 'Deprecated operations too (default: true).' }),
});

export const openapiSchema = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .meta({ description: 'Where the API is: a URL, `name:port`, or a host name together with port.' }),
    port: z.int().min(1).max(65535).optional(),
    path: z.string().startsWith('/', 'a path begins with "/"').optional().meta({
      description:
        "Where `host` is no URL; like a path in the URL it takes the place of the description's own base path.",
    }),
    schema: documentSchema,
    arguments: z.enum(['grouped', 'flat']).default('grouped').meta({
      description:
        'Arguments in groups (`path`, `query`, `header`, `cookie`, `body`), or all beside each other.',
    }),
    operations: selectionSchema
      .optional()
      .meta({ description: 'Which operations become tools; `*` matches any run of characters.' }),
    outputSchemas: z
      .boolean()
      .default(true)
      .meta({ description: 'Tools say what they return, where the description does. Clients check it.' }),
    externalReferences: z.boolean().default(false).meta({
      description:
        'Other files that the description refers to are read: from its folder and below, or from its origin.',
    }),
  })
  .superRefine((config, context) => {
    const url = remoteUrl(config, '/');
    if (typeof url === 'string')
      context.addIssue({ code: 'custom', message: url, path: ['host'], input: config.host });
  });

export type OpenapiConfig = z.output<typeof openapiSchema>;
