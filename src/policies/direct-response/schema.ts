/** The `directResponse` key. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { orConditional } from '../../expr/conditions-schema.ts';
import { headersSchema } from '../../upstream/request-headers-schema.ts';

const expression = z.string().min(1).max(LIMITS.expressionSource.value);
const { set } = headersSchema(expression);

export const directResponseSchema = orConditional(
  {
    status: z.int().min(200).max(599).meta({ description: 'Status of the reply.' }),
    body: z.string().optional().meta({ description: 'Its body, as it is.' }),
    bodyExpression: expression
      .optional()
      .meta({ description: 'CEL: its body. Texts and bytes as they are, anything else as JSON.' }),
    headers: set.meta({ description: 'Its headers: CEL for the value of each.' }),
  },
  ({ body, bodyExpression }, context) => {
    if (body === undefined || bodyExpression === undefined) return;
    const message = 'either `body` or `bodyExpression`';
    context.addIssue({ code: 'custom', message, path: ['bodyExpression'], input: bodyExpression });
  },
);

export type DirectResponseConfig = z.output<typeof directResponseSchema>;
export type ResponseConfig = DirectResponseConfig[number]['value'];
