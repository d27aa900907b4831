/** The `csrf` key. */
import { z } from 'zod';

const originSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9+.-]*:\/\/[^\s/*?#@]+$/i,
    'expected an origin such as https://app.example.com, without path',
  )
  .transform((origin) => origin.toLowerCase());

export const csrfSchema = z.strictObject({
  additionalOrigins: z.array(originSchema).default([]).meta({
    description: 'Origins whose pages may send changing requests, beside that of the route itself.',
  }),
});
