/** What the two kinds of remote targets (mcp, sse) share: their keys, their URL, its credentials. */
import { z } from 'zod';

/**
 * `{host: <full URL>}`, `{host: name:port, path}` or `{host, port, path}`; the same shape serves streamable HTTP (default path /mcp) and legacy
 * SSE (default path /sse).
 */
export const remoteSchema = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .meta({ description: 'Full URL of the endpoint, `name:port`, or a host name together with port.' }),
    port: z.int().min(1).max(65535).optional(),
    path: z
      .string()
      .startsWith('/', 'a path begins with "/"')
      .optional()
      .meta({ description: 'Where `host` is no full URL.' }),
  })
  .superRefine((config, context) => {
    const url = remoteUrl(config, '/');
    if (typeof url === 'string')
      context.addIssue({ code: 'custom', message: url, path: ['host'], input: config.host });
  });

export type RemoteConfig = z.output<typeof remoteSchema>;

/** `localhost:8080`, as examples of the Rust gateway write it; `[::1]:8080`. */
const NAME_AND_PORT = /^(?:[^:/@\s[\]]+|\[[0-9a-f:.]+\]):\d+$/i;

/** The endpoint URL, or what is wrong with it. */
export function remoteUrl(config: RemoteConfig, defaultPath: string): URL | string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(config.host);
  if (full && config.port !== undefined) return 'host is a full URL: give the port inside it';
  if (full && config.path !== undefined) return 'host is a full URL: give the path inside it';
  const named = NAME_AND_PORT.test(config.host);
  if (named && config.port !== undefined) return 'host has a port: give it once';
  if (!full && !named && config.port === undefined)
    return 'expected a full URL such as https://example.com/mcp, or host and port';
  const place = named ? config.host : `${config.host}:${config.port}`;
  const text = full ? config.host : `http://${place}${config.path ?? defaultPath}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return 'expected an http:// or https:// URL';
  return url;
}

/** Of a config that the schema has taken. */
export function endpointUrl(config: RemoteConfig, defaultPath: string): URL | undefined {
  const url = remoteUrl(config, defaultPath);
  return typeof url === 'string' ? undefined : url;
}

/** Credentials written into the URL, as a flat header list; the URL itself is never shown with them. */
export function authorizationOf(url: URL): string[] {
  if (url.username === '' && url.password === '') return [];
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`];
}
