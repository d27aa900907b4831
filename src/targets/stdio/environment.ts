/** What the children of one server are started with besides their command: variables, some of them from files. */
import { secretOf } from '../../auth/secret.ts';
import type { Ports } from '../../core/ports.ts';
import { secretIn } from '../../lib/secrets.ts';
import type { ProcessSpec } from '../../upstream/processes/command.ts';
import type { StdioConfig } from './schema.ts';

type Variables = Pick<ProcessSpec, 'env' | 'secrets'>;

/** For a child that starts now. Throws CONFIG_INVALID for a file that cannot be read or is empty. */
export function variables({ env, args }: StdioConfig, ports: Ports): () => Variables {
  const values = Object.entries(env).map(([name, value]) => ({
    name,
    value: secretOf(value, `stdio.env.${name}`, ports),
    hidden: typeof value !== 'string',
  }));
  const inArguments = args.flatMap((item, at) => secretIn(item, args[at - 1]) ?? []);
  return () => {
    const given = values.map(({ name, value, hidden }) => ({ name, value: value(), hidden }));
    return {
      env: Object.fromEntries(given.map(({ name, value }) => [name, value])),
      secrets: [...inArguments, ...given.filter(({ hidden }) => hidden).map(({ value }) => value)],
    };
  };
}
