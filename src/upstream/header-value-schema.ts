/** Schema of a header's value that is the same for all. */
import { z } from 'zod';
import { valueProblem } from './request-headers.ts';

export const headerValueSchema = z.string().superRefine((value, context) => {
  const problem = valueProblem(value);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', message: `not the value of a header: ${problem}`, input: '' });
});
