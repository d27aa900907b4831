/** What an upstream answers to a greeting (initialize, server/discover), read and judged. Pure. */
import { GatewayError } from '../../core/errors.ts';
import { JsonSyntaxError, lex, Shape } from '../../lib/json-text.ts';
import { isObject, parseObject } from '../../lib/json-value.ts';
import type { McpOutcome } from '../call.ts';
import { isLegacyRevision, MODERN_REVISION } from '../revisions.ts';
import type { ServerInfo } from './opened.ts';

/** Throws UPSTREAM_PROTOCOL when it is an error, or nothing a server of a legacy revision says. */
export function readInitialized(outcome: McpOutcome): ServerInfo {
  const value = readResult('initialize', outcome);
  const version = value['protocolVersion'];
  if (typeof version !== 'string' || !isLegacyRevision(version)) {
    throw new GatewayError(
      'UPSTREAM_PROTOCOL',
      `the upstream answered initialize with the unknown revision ${JSON.stringify(version)}`,
    );
  }
  return {
    era: 'legacy',
    version,
    serverInfo: value['serverInfo'],
    ...common(value),
    raw: outcome.body,
  };
}

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';

/** Throws UPSTREAM_PROTOCOL when it is an error, or the server does not speak the modern revision that we do. */
export function readDiscovered(outcome: McpOutcome): ServerInfo {
  const value = readResult('server/discover', outcome);
  const supported = value['supportedVersions'];
  if (!Array.isArray(supported) || !supported.includes(MODERN_REVISION)) {
    throw new GatewayError(
      'UPSTREAM_PROTOCOL',
      `the upstream answered server/discover without the revision ${MODERN_REVISION}`,
    );
  }
  const meta = isObject(value['_meta']) ? value['_meta'] : {};
  return {
    era: 'modern',
    version: MODERN_REVISION,
    serverInfo: value['serverInfo'] ?? meta[SERVER_INFO],
    ...common(value),
    raw: outcome.body,
  };
}

function common({ capabilities, instructions }: Record<string, unknown>) {
  return {
    capabilities: isObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}

function readResult(method: string, { kind, body }: McpOutcome): Record<string, unknown> {
  const value = readObject(method, body);
  if (kind === 'result') return value;
  const message = typeof value['message'] === 'string' ? value['message'] : 'no message';
  throw new GatewayError('UPSTREAM_PROTOCOL', `the upstream refused ${method}: ${message}`, {
    data: { upstream: value },
  });
}

const MAX_BYTES = 1024 * 1024;
const ANY = new Shape({});

function readObject(method: string, body: Buffer): Record<string, unknown> {
  if (body.length > MAX_BYTES)
    throw new GatewayError('UPSTREAM_PROTOCOL', `the answer to ${method} is longer than 1 MiB`);
  const value = isValid(body) ? parseObject(body) : undefined;
  if (!value) throw new GatewayError('UPSTREAM_PROTOCOL', `the answer to ${method} is not a JSON object`);
  return value;
}

/** Depth above all: the answer is joined with others and printed again, which a deep one would overflow. */
function isValid(body: Buffer): boolean {
  try {
    lex(body, ANY);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}
