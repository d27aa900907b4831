/** A command as people may see it in logs and on the start screen: recognisable, without credentials. */
import { redactArgument } from '../../lib/secrets.ts';

const LONGEST = 160;

export function commandLine(cmd: string, args: readonly string[]): string {
  const shown = [cmd, ...args.map((arg, at) => redactArgument(arg, args[at - 1]))].join(' ');
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST - 1)}…` : shown;
}
