/** The `health.check` key: what a backend is asked to see whether it is well. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';
import { headerValueSchema } from '../../upstream/header-value-schema.ts';
import { headerProblem } from '../../upstream/request-headers.ts';

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** Load balancers agree on it, more or less. */
const WELL: readonly StatusRange[] = [{ from: 200, to: 399 }];
const [SHORTEST, LONGEST] = [100, 24 * 60 * 60_000];

const time = durationSchema.refine((ms) => ms >= SHORTEST && ms <= LONGEST, 'expected 100ms to 24h');

const statusSchema = z
  .union([z.int().min(100).max(599), z.string().regex(/^[1-5]\d\d(?:-[1-5]\d\d)?$/, 'such as "200-299"')])
  .transform((written, context): StatusRange => {
    const [from = 0, to = from] = String(written).split('-').map(Number);
    if (from > to) context.addIssue({ code: 'custom', message: 'the range is empty', input: written });
    return { from, to };
  });

const headerName = z.string().superRefine((name, context) => {
  const problem = headerProblem(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: name });
});

/** What has a meaning for a request over HTTP alone. */
const HTTP_KEYS = ['method', 'host', 'headers', 'expectedStatuses'] as const;

export const checkSchema = z
  .strictObject({
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'expected a path such as /healthz')
      .optional()
      .meta({ description: 'What is asked for, with a query if need be. Default: a connection is enough.' }),
    method: z
      .enum(['GET', 'HEAD', 'OPTIONS', 'POST'])
      .optional()
      .meta({ description: 'Default: GET. Redirects are not followed.' }),
    host: headerValueSchema
      .optional()
      .meta({ description: 'Host header. Default: what stands in `host` of the backend.' }),
    headers: z
      .record(headerName, headerValueSchema)
      .optional()
      .meta({ description: 'Further headers. Credentials of `backendAuth` are not sent.' }),
    expectedStatuses: z
      .array(statusSchema)
      .min(1)
      .optional()
      .meta({ description: 'Statuses of a backend that is well: `200`, `"200-299"`. Default: 200-399.' }),
    grpc: z
      .strictObject({
        service: z
          .string()
          .regex(/^[\x21-\x7e]*$/, 'expected the name of a service')
          .default('')
          .meta({ description: 'What is asked about; default: the server as a whole.' }),
      })
      .optional()
      .meta({ description: 'Instead of `path`: the health service of gRPC (`grpc.health.v1.Health`).' }),
    interval: time.default(10_000).meta({ description: 'From one check to the next.' }),
    timeout: time.default(2_000).meta({ description: 'For one check as a whole.' }),
    healthyThreshold: z
      .int()
      .min(1)
      .default(1)
      .meta({ description: 'Checks in a row that bring a backend back.' }),
    unhealthyThreshold: z.int().min(1).default(3).meta({
      description: 'Failed checks in a row that take it out. The very first check counts alone.',
    }),
  })
  .superRefine((check, context) => {
    const problem = (key: keyof typeof check, message: string): void =>
      context.addIssue({ code: 'custom', message, path: [key], input: check[key] });
    if (check.grpc && check.path !== undefined) problem('grpc', 'give either `path` or `grpc`');
    if (check.path !== undefined) return;
    for (const key of HTTP_KEYS)
      if (check[key] !== undefined && !(key === 'host' && check.grpc)) problem(key, 'needs `path`');
  });

export type CheckConfig = z.output<typeof checkSchema>;

export function isExpected(status: number, { expectedStatuses }: CheckConfig): boolean {
  return (expectedStatuses ?? WELL).some(({ from, to }) => status >= from && status <= to);
}
