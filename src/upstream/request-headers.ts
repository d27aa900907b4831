/**
 * Changes to headers, of a request towards an upstream above all: which names may be changed, which values fit, and the
 * mapping that makes them. Where values come from is the business of policies.
 */
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { HeaderMapping } from '../core/outgoing.ts';

export interface HeaderChanges<V> {
  readonly set: Readonly<Record<string, V>>;
  readonly add: Readonly<Record<string, V>>;
  readonly remove: readonly string[];
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Of one connection (RFC 9110 section 7.6), or about the framing of a message. */
const HOP =
  /^(?:connection|content-length|expect|host|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i;
/** By which the gateway and MCP servers talk to each other. */
const PROTOCOL = /^(?:mcp-.*|accept|content-encoding|content-type|last-event-id)$/i;
const MAX_VALUE = 8 * 1024;

/** Why a header of this name cannot be changed. */
export function headerProblem(name: string): string | undefined {
  if (name.startsWith(':'))
    return 'pseudo-headers can be set by `transformations` towards plain HTTP, and nowhere else';
  if (!NAME.test(name)) return 'expected the name of a header';
  return HOP.test(name) ? 'this header belongs to one connection; the gateway says it itself' : undefined;
}

/** Why it cannot be where MCP is spoken. */
export function mcpHeaderProblem(name: string): string | undefined {
  return PROTOCOL.test(name) ? 'this header is part of the protocol; the gateway says it itself' : undefined;
}

/** Throws CONFIG_INVALID for a header that cannot be changed before an MCP backend. */
export function checkMcpHeaders(policy: string, { set, add, remove }: HeaderChanges<unknown>): void {
  for (const name of [...Object.keys(set), ...Object.keys(add), ...remove]) {
    const problem = mcpHeaderProblem(name);
    if (problem !== undefined)
      throw new GatewayError('CONFIG_INVALID', `${policy}: ${name}: with an \`mcp\` backend ${problem}`);
  }
}

/**
 * Why a text cannot be the value of a header. Line breaks would smuggle in another one, and what readers trim or decode
 * differently would be somebody else there.
 */
export function valueProblem(value: string): string | undefined {
  if (value === '') return 'it is empty';
  if (value.length > MAX_VALUE) return `it is longer than ${MAX_VALUE} characters`;
  if (!/^[\x20-\x7e]+$/.test(value)) return 'it has other characters than printable ASCII ones';
  return value.trim() === value ? undefined : 'it begins or ends with a blank';
}

/** `valuesFor`: gives what a value is for one request, and throws FORBIDDEN where there is none. */
export function headerMapping<V>(
  key: string,
  { set, add, remove }: HeaderChanges<V>,
  valuesFor: (exchange: Exchange, target?: string) => (value: V, name: string) => string,
): HeaderMapping {
  const changed = [...Object.entries(set), ...Object.entries(add)].map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  return {
    key,
    names: [...new Set([...Object.keys(set), ...remove].map((name) => name.toLowerCase()))],
    map: (exchange, target) => {
      const made = valuesFor(exchange, target);
      return changed.flatMap(([name, value]) => [name, made(value, name)]);
    },
  };
}
