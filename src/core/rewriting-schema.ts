/** Schema of another authority and another path for a request. */
import { z } from 'zod';
import { AUTHORITY, pathProblem } from './rewriting.ts';

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])$/;

const pathSchema = z.string().superRefine((path, context) => {
  const problem = pathProblem(path);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: path });
});

const hostSchema = z.string().regex(HOST, 'expected a host name or address, without port');

/** With which part of the authority another one is put. */
export const authorityShapes = [
  z.strictObject({
    full: z
      .string()
      .regex(AUTHORITY, 'expected host or host:port')
      .meta({ description: 'Host, with or without port.' }),
  }),
  z.strictObject({ host: hostSchema.meta({ description: 'Another host; the port stays.' }) }),
  z.strictObject({
    port: z.int().min(1).max(65535).meta({ description: 'Another port; the host stays.' }),
  }),
] as const;

export const pathRewriteSchema = z.union([
  z.strictObject({ full: pathSchema.meta({ description: 'Another path; the query stays.' }) }),
  z.strictObject({
    prefix: pathSchema.meta({
      description: 'In place of the `pathPrefix` (or `exact` path) by which the route was found.',
    }),
  }),
]);
