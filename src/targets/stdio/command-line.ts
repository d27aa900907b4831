/** A command as people may see it in logs and on the start screen: recognisable, without credentials. */

const LONGEST = 160;
const SECRET = /key|token|secret|passw|pwd|auth|credential/i;
/** `--token=x`, `API_KEY=x`, `Authorization: x`, `--header=Authorization: x`. */
const SETTING = /^((?:-[\w-]*=)?[\w.-]*(?:=|:\s))./;

export function commandLine(cmd: string, args: readonly string[]): string {
  const shown = [cmd, ...args.map((arg, at) => masked(arg, args[at - 1]))].join(' ');
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST - 1)}…` : shown;
}

function masked(arg: string, before: string | undefined): string {
  if (before && isSecretFlag(before) && !arg.startsWith('-')) return '***';
  const setting = SETTING.exec(arg)?.[1];
  if (setting !== undefined && SECRET.test(setting)) return `${setting}***`;
  // postgresql://user:password@host, https://host/?api_key=...
  return arg
    .replace(/:\/\/[^/@\s]+@/g, '://***@')
    .replace(/([?&][^=&\s]*=)[^&\s]*/g, (whole, name: string) => (SECRET.test(name) ? `${name}***` : whole));
}

function isSecretFlag(arg: string): boolean {
  return arg.startsWith('-') && !arg.includes('=') && SECRET.test(arg);
}
