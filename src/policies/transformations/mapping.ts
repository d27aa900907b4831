/**
 * Headers towards an upstream with values from who sends the request, made where the request leaves for it: so MCP servers
 * get them as well. Where a value cannot be made the request is refused: an upstream that tells clients apart by a header
 * must not get one without. Nor one of the client's own, whichever of several entries counts.
 */
import { hash } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { HeaderMapping } from '../../core/outgoing.ts';
import type { Log } from '../../core/ports.ts';
import { bytesAtHand } from '../../core/whole-body.ts';
import type { Expression, Scope } from '../../expr/expression.ts';
import { exchangeScope, secretsOf } from '../../expr/scope.ts';
import { textOf } from '../../expr/values.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { valueProblem } from '../../upstream/request-headers.ts';
import { type CompiledStage, KEY } from './compiled.ts';
import type { Stage } from './schema.ts';

/** undefined: it says nothing about headers of requests. */
export function stageMapping(stage: Stage, compiled: CompiledStage, log: Log): HeaderMapping | undefined {
  const all = compiled.conditions.all.map(({ request }) => request.headers);
  const gone = all.flatMap(({ set, remove }) => [...Object.keys(set), ...remove]);
  // What is encoded cannot be read: the upstream is not told that it may.
  if (compiled.readsReplyBody) gone.push('accept-encoding');
  const names = [...new Set(gone.map((name) => name.toLowerCase()))];
  if (names.length === 0 && all.every(({ add }) => Object.keys(add).length === 0)) return undefined;
  const requests = stage.map(({ condition, value: { request } }) => ({ condition, request }));
  const text = textsFor(log);
  return {
    key: `${KEY} ${hash('sha256', canonicalJson(requests), 'hex')}`,
    names,
    map: (exchange, target) => {
      const scope = requestScope(exchange, compiled.readsSecrets);
      const { set, add } = compiled.conditions.choose(scope)?.request.headers ?? NOTHING;
      return [...Object.entries(set), ...Object.entries(add)].flatMap(([spelled, expression]) => {
        const name = spelled.toLowerCase();
        return [name, text(expression, { scope, exchange, target, name })];
      });
    },
  };
}

/** With the body where it has been read. */
export function requestScope(exchange: Exchange, secrets: boolean): Scope {
  return exchangeScope(exchange, { ...(secrets && secretsOf(exchange)), body: bytesAtHand(exchange) });
}

const NOTHING = { set: {}, add: {} };

interface Making {
  readonly scope: Scope;
  readonly exchange: Exchange;
  /** Which of several upstreams. */
  readonly target: string | undefined;
  readonly name: string;
}

function textsFor(log: Log): (expression: Expression, making: Making) => string {
  const said = new Set<string>();
  return (expression, { scope, exchange, target, name: header }) => {
    const { value, problem: reason } = textOf(expression, scope, valueProblem);
    if (reason === undefined) return value;
    // Once: a header that cannot be made fails for whoever wants it to, as often as they want.
    const level = said.has(header) ? 'debug' : 'warn';
    said.add(header);
    const who = { exchange: exchange.id, 'user.id': exchange.principal };
    log[level]({ ...who, target, header, reason }, `${KEY}: a header cannot be made; refused`);
    throw new GatewayError(
      'FORBIDDEN',
      `the header "${header}" that the upstream needs cannot be made of this request`,
    );
  };
}
