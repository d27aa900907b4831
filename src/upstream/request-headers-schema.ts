/** Schema of changes to headers: what may be set, added and taken away. */
import { z } from 'zod';
import { headerProblem, mcpHeaderProblem } from './request-headers.ts';

/** `mcp`: requests to an MCP server, whose protocol the gateway speaks itself. */
export type HeadersOf = 'http' | 'mcp';

/** `value`: what stands behind a name, with a description of its own. `pseudo`: what may be set as if it were a header. */
export function headersSchema<T extends z.ZodType>(
  value: T,
  { of = 'http', pseudo = [] }: { readonly of?: HeadersOf; readonly pseudo?: readonly string[] } = {},
) {
  const name = nameSchema(of, []);
  const table = (key: z.ZodType<string, string>) => z.record(key, value).superRefine(oneSpelling).default({});
  return {
    set: table(pseudo.length === 0 ? name : nameSchema(of, pseudo)).meta({
      description: 'Headers in place of those of the same name.',
    }),
    add: table(name).meta({ description: 'Headers beside those of the same name.' }),
    remove: z.array(name).default([]).meta({ description: 'Headers that do not travel on.' }),
  };
}

function nameSchema(of: HeadersOf, pseudo: readonly string[]) {
  return z.string().superRefine((name, context) => {
    if (pseudo.includes(name)) return;
    const problem = headerProblem(name) ?? (of === 'mcp' ? mcpHeaderProblem(name) : undefined);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: name });
  });
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
