/** The `responseHeaderModifier` key. */
import { z } from 'zod';
import { headerValueSchema } from '../../upstream/header-value-schema.ts';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

export const responseHeaderModifierSchema = z.strictObject(headersSchema(headerValueSchema));
