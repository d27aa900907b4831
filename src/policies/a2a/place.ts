/** Where clients reach the gateway, as cards and the catalogue say it. */
import { originOf } from '../../auth/well-known.ts';
import { type Exchange, header } from '../../core/exchange.ts';
import type { A2aConfig } from './schema.ts';

/** Without a slash at the end; paths of routes follow it. Throws BAD_REQUEST where the request says nonsense. */
export function baseOf(exchange: Exchange, { publicUrl, trustForwarded }: A2aConfig): string {
  if (publicUrl !== undefined) return publicUrl;
  if (!trustForwarded) return originOf(exchange);
  const said = (name: string): string | undefined =>
    header(exchange, `x-forwarded-${name}`)?.split(',', 1)[0]?.trim().toLowerCase() || undefined;
  const proto = said('proto');
  const scheme = proto === 'https' || proto === 'http' ? proto : exchange.scheme;
  const origin = originOf({ scheme, authority: said('host') ?? exchange.authority });
  const prefix = header(exchange, 'x-forwarded-prefix')?.split(',', 1)[0]?.trim() ?? '';
  return origin + (/^(?:\/[\w.~-]+)+\/?$/.test(prefix) ? prefix.replace(/\/$/, '') : '');
}
