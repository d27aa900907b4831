/** The `stdio` key of a target. */
import { z } from 'zod';
import { secretFileSchema } from '../../core/schema.ts';

export const stdioSchema = z
  .strictObject({
    cmd: z.string().min(1).meta({ description: 'Executable; looked up on PATH.' }),
    args: z.array(z.string()).default([]),
    env: z
      .record(
        z.string(),
        z.union([z.union([z.string(), z.number(), z.boolean()]).transform(String), secretFileSchema]),
      )
      .default({})
      .meta({
        description:
          'Added to the inherited environment: values, or `{file}`, which each child gets at its start.',
      }),
    clearEnv: z
      .boolean()
      .optional()
      .meta({ description: 'Start from an empty environment instead (default false).' }),
    clear_env: z
      .boolean()
      .optional()
      .meta({ description: 'The same as clearEnv, as the Rust gateway spells it.' }),
    cwd: z
      .string()
      .optional()
      .meta({ description: 'Working directory; relative to the configuration file.', format: 'path' }),
    lifecycle: z
      .enum(['session', 'shared'])
      .default('session')
      .meta({ description: 'One child per client session, or one child for everyone.' }),
    warm: z
      .int()
      .min(0)
      .max(16)
      .default(1)
      .meta({ description: 'Spare children kept ready for the next sessions.' }),
  })
  .transform(({ clearEnv, clear_env, ...rest }) => ({ ...rest, clearEnv: clearEnv ?? clear_env ?? false }));

export type StdioConfig = z.output<typeof stdioSchema>;
