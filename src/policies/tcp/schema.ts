/** The `tcp` key of a backend or target, and of a route for connections. */
import { z } from 'zod';
import { durationSchema } from '../../core/schema.ts';
import type { TcpPolicy } from '../../upstream/connection.ts';

/** 0 would mean "for ever" below. */
const positive = (what: string) => durationSchema.refine((ms) => ms > 0, `${what} has to be longer than 0`);

export const tcpSchema: z.ZodType<TcpPolicy> = z.strictObject({
  connectTimeout: positive('connectTimeout')
    .optional()
    .meta({ description: 'Time to connect, and once more for the TLS handshake. Default: 10 s.' }),
  keepalives: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .meta({ description: 'Whether the system looks if a silent connection still stands.' }),
      time: positive('time')
        .default(60_000)
        .meta({ description: 'Silence before it looks for the first time.' }),
    })
    .optional()
    .meta({ description: 'Default: after 60 s.' }),
});
