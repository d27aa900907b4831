/** The `transformations` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import type { Entry } from '../../expr/conditions.ts';
import { orConditional } from '../../expr/conditions-schema.ts';
import type { HeaderChanges } from '../../upstream/request-headers.ts';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

const REQUEST_PSEUDO = [':method', ':path', ':authority'] as const;
const REPLY_PSEUDO = [':status'] as const;

export interface Changes extends HeaderChanges<string> {
  readonly body?: string | undefined;
}

export interface Transformation {
  readonly request?: Changes | undefined;
  readonly response?: Changes | undefined;
  /** Of a target. */
  readonly mcp?: true;
}

/** Of which the first counts whose condition holds. */
export type Stage = readonly Entry<Transformation>[];
/** One after the other: those of the route, then those of the backend. */
export type TransformationsConfig = readonly Stage[];

const expression = z
  .string()
  .min(1)
  .max(LIMITS.expressionSource.value)
  .meta({ description: 'An expression (CEL) for its value.' });

const body = expression
  .optional()
  .meta({ description: 'CEL: another body. Texts and bytes as they are, anything else as JSON.' });

const shape = {
  request: z
    .strictObject({ ...headersSchema(expression, { pseudo: REQUEST_PSEUDO }), body })
    .optional()
    .meta({
      description:
        'What servers get. `set` takes `:method`, `:path` (with the query) and `:authority` as well. A request that lacks what an expression reads is refused.',
    }),
  response: z
    .strictObject({ ...headersSchema(expression, { pseudo: REPLY_PSEUDO }), body })
    .optional()
    .meta({ description: 'What clients get. `set` takes `:status` as well.' }),
};

export const transformationsSchema: z.ZodType<TransformationsConfig> = orConditional(
  shape,
  ({ request, response }, context) => {
    if (request === undefined && response === undefined)
      context.addIssue({ code: 'custom', message: 'say `request`, `response` or both', input: {} });
  },
).transform((entries) => [entries]);

/** Requests to one MCP server: its protocol is the gateway's business. */
export const targetSchema: z.ZodType<TransformationsConfig> = z
  .strictObject({
    request: z.strictObject(headersSchema(expression, { of: 'mcp' })).meta({
      description:
        'Headers of requests to the server. A request that lacks what an expression reads is refused.',
    }),
  })
  .transform((value) => [[{ path: [], condition: undefined, value: { ...value, mcp: true } }]]);
