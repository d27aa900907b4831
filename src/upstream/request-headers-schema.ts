/** Schema of changes to the headers of a request towards an upstream: what may be set, added and taken away. */
import { z } from 'zod';
import { headerProblem } from './request-headers.ts';

const nameSchema = z.string().superRefine((name, context) => {
  const problem = headerProblem(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: name });
});

/** `value`: what stands behind a name, with a description of its own. */
export function headersSchema<T extends z.ZodType>(value: T) {
  const table = z.record(nameSchema, value).superRefine(oneSpelling).default({});
  return {
    set: table.meta({ description: 'Headers in place of those of the same name.' }),
    add: table.meta({ description: 'Headers beside those of the same name.' }),
    remove: z.array(nameSchema).default([]).meta({ description: 'Headers that do not go upstream.' }),
  };
}

function oneSpelling(table: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const name of Object.keys(table)) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) {
      const message = `the header "${lower}" stands here twice`;
      context.addIssue({ code: 'custom', message, path: [name], input: name });
    }
    seen.add(lower);
  }
}
