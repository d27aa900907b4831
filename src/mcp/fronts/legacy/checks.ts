/** What the headers of a legacy request must say of its revision. */
import { GatewayError } from '../../../core/errors.ts';
import { type Exchange, header } from '../../../core/exchange.ts';
import { isLegacyRevision, LEGACY_REVISIONS } from '../../revisions.ts';

/**
 * Absent is fine (older clients do not send it); an unknown revision is not. The code is the one servers of these
 * revisions have always used: whoever gets here has said nothing that a modern client would.
 */
export function checkRevision(exchange: Exchange): void {
  const version = header(exchange, 'mcp-protocol-version');
  if (version === undefined || isLegacyRevision(version)) return;
  const requested = version.slice(0, 40);
  throw new GatewayError(
    'UNSUPPORTED_VERSION',
    `Bad Request: Unsupported protocol version: ${requested} (supported versions: ${LEGACY_REVISIONS.join(', ')})`,
    { data: { supported: LEGACY_REVISIONS, requested } },
  );
}
