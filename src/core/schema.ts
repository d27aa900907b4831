/** Schema pieces that several definitions share. */
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';

/** A duration text or a number of milliseconds; becomes milliseconds. */
export const durationSchema = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const ms = parseDuration(value);
    if (ms !== undefined) return ms;
    context.addIssue({
      code: 'custom',
      message: 'expected a duration such as 500ms, 30s or 5m',
      input: value,
    });
    return z.NEVER;
  })
  .meta({ description: 'A duration such as `500ms`, `30s`, `5m`, `1h`, or a number of milliseconds.' });

export const portSchema = z
  .int()
  .min(0)
  .max(65535)
  .meta({ description: 'TCP port; 0 asks the system for a free one.' });
