/** Where the gateway itself listens, as settings have it. */
import { isIP } from 'node:net';
import { z } from 'zod';

export const hostPort = z
  .string()
  .refine(isHostPort, 'expected host:port such as localhost:15000, or "off"')
  .meta({ description: '`host:port`, or `off`.' });

function isHostPort(text: string): boolean {
  if (text === 'off') return true;
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  return parts !== null && Number(parts[3]) <= 65_535 && (parts[1] === undefined || isIP(parts[1]) === 6);
}
