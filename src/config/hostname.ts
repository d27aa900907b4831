/** A host name as listeners and routes have it. */
import { z } from 'zod';

export const hostnameSchema = z
  .string()
  .regex(
    /^(?:\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[?[0-9A-Fa-f:.]+\]?)$/,
    'expected a host name such as example.com or *.example.com',
  )
  .meta({ description: 'Exact host name, or `*.example.com`.' });
