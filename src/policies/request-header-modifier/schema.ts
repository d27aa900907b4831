/** The `requestHeaderModifier` key. */
import { z } from 'zod';
import { valueProblem } from '../../upstream/request-headers.ts';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

const valueSchema = z.string().superRefine((value, context) => {
  const problem = valueProblem(value);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', message: `not the value of a header: ${problem}`, input: '' });
});

export const requestHeaderModifierSchema = z.strictObject(headersSchema(valueSchema));
