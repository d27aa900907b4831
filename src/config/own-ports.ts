/** The addresses of the gateway itself: no bind can be where they are. */
import { isLoopbackHost } from '../lib/address.ts';
import type { Fields } from './references.ts';
import { type At, type Check, items, member, members } from './rule-walk.ts';

const STANDARD = { adminAddr: 'localhost:15000', statsAddr: 'localhost:15020' };
const ANYWHERE = ['0.0.0.0', '::'];

export function checkOwnPorts(check: Check, document: At<Fields>): void {
  const settings = { ...STANDARD, ...member(document, 'config')?.value };
  const open = items(document, 'binds').filter(({ value }) => value['mode'] !== 'internal');
  const mcp = member(document, 'mcp');
  for (const { value, path } of [...open, ...members(document, 'gateways'), ...(mcp ? [mcp] : [])]) {
    const { port, address } = value;
    const taken = Object.entries(settings).find(
      ([key, text]) => KEYS.includes(key) && typeof text === 'string' && meet(text, port, address),
    );
    if (!taken) continue;
    const [key, text] = taken;
    const message = `port ${port} is taken by \`${key}\` (${text})`;
    const hint = `choose another, or set \`config.${key}\``;
    check.findings.push({ path: [...path, 'port'], message, hint });
  }
}

const KEYS = ['adminAddr', 'statsAddr', 'readinessAddr'];

function meet(text: string, port: unknown, address: unknown): boolean {
  const [, own = '', digits] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  if (port === 0 || digits === undefined || Number(digits) !== port) return false;
  const other = typeof address === 'string' ? address : 'localhost';
  if (own === other || [own, other].some((one) => ANYWHERE.includes(one))) return true;
  return isLoopbackHost(own) && isLoopbackHost(other);
}
