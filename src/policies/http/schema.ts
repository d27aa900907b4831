/** The `http` key of a backend or target. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';
import type { HttpPolicy, HttpVersion } from '../../upstream/connection.ts';

const VERSIONS: Readonly<Record<string, HttpVersion | undefined>> = {
  auto: undefined,
  '1.1': '1.1',
  '2': '2',
  'HTTP/1.1': '1.1',
  'HTTP/2.0': '2',
};

/** YAML reads `version: 2` as a number. */
const versionSchema = z
  .union([z.enum(['auto', '1.1', '2', 'HTTP/1.1', 'HTTP/2.0']), z.literal([1.1, 2])])
  .transform((version) => VERSIONS[String(version)])
  .optional()
  .meta({
    description:
      'HTTP towards the upstream: `1.1`, `2` (without TLS by prior knowledge), or `auto` (default): HTTP/2 for gRPC and where the upstream agrees to it in the TLS handshake. WebSockets always use 1.1.',
  });

export const httpTargetSchema: z.ZodType<HttpPolicy> = z.strictObject({ version: versionSchema });

export const httpSchema: z.ZodType<HttpPolicy> = z.strictObject({
  version: versionSchema,
  requestTimeout: durationSchema.optional().meta({
    description: 'From a request to the head of its reply, connecting included; for each try. 0: none.',
  }),
});
