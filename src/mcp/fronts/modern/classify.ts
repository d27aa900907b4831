/**
 * Which era a POSTed message claims to be of: a URL serves both. The body decides; headers decide where it says
 * nothing. A malformed claim is still a claim: it is answered with the modern era's errors and never taken for a
 * legacy message. The same verdicts as `classifyInboundRequest` of the official SDK.
 */
import { GatewayError } from '../../../core/errors.ts';
import { type Exchange, header } from '../../../core/exchange.ts';
import { type Message, SLOT } from '../../message.ts';
import { type Era, isModern } from '../../revisions.ts';
import { field } from './checks.ts';

/** Throws where body and headers contradict each other. */
export function eraOf(exchange: Exchange, message: Message): Era {
  if (message.kind === 'response') return ofResponse(exchange);
  if (isModernMessage(message)) return 'modern';
  if (namesModern(exchange)) return withModernHeader(message);
  return namesOnlyMethod(exchange, message) ? 'modern' : 'legacy';
}

/** Whether the version header names a modern revision, known or not. */
export function namesModern(exchange: Exchange): boolean {
  const version = field(exchange, 'mcp-protocol-version');
  return version !== undefined && isModern(version);
}

function ofResponse(exchange: Exchange): Era {
  if (!namesModern(exchange)) return 'legacy';
  throw new GatewayError(
    'INVALID_REQUEST',
    'Invalid Request: clients send no responses in this revision; answers are part of the next request',
  );
}

/** A message without what a modern one says of itself: notifications need not say it, of a request it is a fault. */
function withModernHeader({ kind, method }: Message): Era {
  if (kind === 'notification' || method !== 'initialize') return 'modern';
  throw new GatewayError(
    'HEADER_MISMATCH',
    'Header mismatch: "initialize" belongs to older revisions than the MCP-Protocol-Version header names',
  );
}

const OPEN_BRACE = 0x7b;

/**
 * By its body alone. `initialize` is the legacy handshake by definition, unless it is a modern request in every other
 * respect: then it is one of a method that this revision does not have.
 */
export function isModernMessage({ kind, method, text }: Message): boolean {
  if (kind === 'response' || !text.has(SLOT.metaVersion)) return false;
  if (kind === 'notification' || method !== 'initialize') return true;
  const version = text.text(SLOT.metaVersion);
  return version !== undefined && isModern(version) && text.first(SLOT.metaCapabilities) === OPEN_BRACE;
}

/** `Mcp-Method` without a version: only modern clients send it, but it says less than what a legacy client would. */
function namesOnlyMethod(exchange: Exchange, { kind, method }: Message): boolean {
  return (
    kind === 'request' &&
    method !== 'initialize' &&
    header(exchange, 'mcp-method') !== undefined &&
    header(exchange, 'mcp-protocol-version') === undefined &&
    header(exchange, 'mcp-session-id') === undefined
  );
}
