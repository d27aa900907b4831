/**
 * The URL of a Redis: `redis://user:password@host:port/database`, or `rediss://` for TLS. Read here rather than by the
 * library, which takes what it does not understand for something else: database `prod` for one without a number.
 */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: number;
  readonly tls: boolean;
}

const URL_PARTS =
  /^(rediss?):\/\/(?:([^/?#]*)@)?(\[[^\]/?#@]*\]|[^:/?#@[\]]*)(?::([^/?#]*))?(?:\/([^?#]*))?([?#].*)?$/s;
const HOST = /^(?:[^\s%\p{Cc}[\]:]+|\[[0-9A-Fa-f:.]+\])$/u;
const DEFAULT_PORT = 6379;

/** Throws with what is wrong, in words that quote nothing: any part of it may be a piece of the password. */
export function redisAddress(text: string): RedisAddress {
  if (!/^rediss?:\/\//.test(text)) throw new Error('expected redis:// or rediss://');
  const parts = URL_PARTS.exec(text);
  if (!parts) throw new Error('expected redis://user:password@host:port/database');
  const [, scheme, login, host = '', port, database, rest] = parts;
  if (!HOST.test(host)) throw new Error('expected a host in the URL of Redis');
  if (rest !== undefined) throw new Error('the URL of Redis ends with the database: it takes no "?" or "#"');
  return {
    ...credentialsOf(login ?? ''),
    host: host.replace(/^\[|\]$/g, ''),
    port: portOf(port),
    database: databaseOf(database),
    tls: scheme === 'rediss',
  };
}

/** For people: `host:port/database`. */
export function shownAddress({ host, port, database }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

function credentialsOf(login: string): Pick<RedisAddress, 'username' | 'password'> {
  const colon = login.indexOf(':');
  try {
    return {
      username: decodeURIComponent(colon < 0 ? login : login.slice(0, colon)),
      password: colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1)),
    };
  } catch {
    const rule = 'a % stands for itself only as %25';
    throw new Error(`user and password in the URL of Redis cannot be decoded: ${rule}`);
  }
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  const rule = 'in user and password, : / ? # @ are written as %3A %2F %3F %23 %40';
  throw new Error(`the port in the URL of Redis must be a number from 1 to 65535; ${rule}`);
}

function databaseOf(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error('the database in the URL of Redis must be a whole number, such as /0');
}
