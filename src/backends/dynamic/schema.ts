/** The `dynamic` key under `backends[]`: wherever the client says, within what is allowed. */
import { z } from 'zod';
import { patternProblem } from '../../lib/allow-list.ts';

const patternSchema = z.string().superRefine((text, context) => {
  const message = patternProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message, input: text });
});

export const dynamicSchema = z
  .strictObject({
    allow: z.array(patternSchema).min(1).optional().meta({
      description:
        'Where clients may be led: `api.github.com`, `*.example.com`, `*`, an address or a network (`10.0.0.0/8`), each with or without `:port` (`:*`: any port; default: 80 and 443, for CONNECT 443). Names lead to public addresses; others have to be named as addresses. Default: every public host.',
    }),
    target: z.string().min(1).optional().meta({
      description:
        'CEL: where the request goes instead of where the client says, as `host:port`; what it reads and makes is trusted to decide within `allow`.',
    }),
  })
  .meta({
    description:
      'A forward proxy: the server is the one that the request names, in its target (`GET http://host/path`, `CONNECT host:port`) or its Host header.',
  });

export type DynamicConfig = z.infer<typeof dynamicSchema>;
