/** The `requestHeaderModifier` key. */
import { z } from 'zod';
import { headerValueSchema } from '../../upstream/header-value-schema.ts';
import type { HeaderChanges } from '../../upstream/request-headers.ts';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

/** One after the other: those of the route, then those of the backend. */
export type RequestHeaderModifierConfig = readonly HeaderChanges<string>[];

export const requestHeaderModifierSchema: z.ZodType<RequestHeaderModifierConfig> = z
  .strictObject(headersSchema(headerValueSchema))
  .transform((changes) => [changes]);

export const targetSchema: z.ZodType<RequestHeaderModifierConfig> = z
  .strictObject(headersSchema(headerValueSchema, { of: 'mcp' }))
  .transform((changes) => [changes]);
