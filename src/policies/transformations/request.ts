/** What a transformation makes of a request beside its headers. */
import type { Exchange, Outbound } from '../../core/exchange.ts';
import { authorityProblem, pathProblem } from '../../core/rewriting.ts';
import type { Expression, Scope } from '../../expr/expression.ts';
import type { Values } from '../../expr/values.ts';
import type { CompiledChanges } from './compiled.ts';

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

/** undefined: nothing. Throws EXPRESSION_FAILED. */
export function rewritten(
  { pseudo, body }: CompiledChanges,
  {
    exchange,
    scope,
    values,
  }: { readonly exchange: Exchange; readonly scope: Scope; readonly values: Values },
): Outbound | undefined {
  if (pseudo.size === 0 && !body) return undefined;
  const text = (name: string, check: (value: string) => string | undefined): string | undefined => {
    const expression: Expression | undefined = pseudo.get(name);
    return expression && values.text(expression, scope, { name, check });
  };
  const made = {
    method: text(':method', (value) => methodProblem(value, exchange.method)),
    url: text(':path', urlProblem),
    host: text(':authority', authorityProblem),
    // A handshake has none.
    body:
      body && exchange.upgrade === undefined
        ? values.body(body, scope, 'the body of the request').bytes
        : undefined,
  };
  return { ...exchange.outbound, ...given(made) };
}

/** A reply to HEAD has a length and no body: who asked by another method would wait for it. */
function methodProblem(value: string, asked: string): string | undefined {
  if (!METHOD.test(value) || value === 'CONNECT') return 'it is no method';
  return value === 'HEAD' && asked !== 'HEAD'
    ? 'HEAD is no method for a request that expects a body'
    : undefined;
}

function urlProblem(value: string): string | undefined {
  const mark = value.indexOf('?');
  const query = mark < 0 ? '' : value.slice(mark);
  if (!/^[\x21\x24-\x7e]*$/.test(query)) return 'its query has characters that have to be percent-encoded';
  return pathProblem(mark < 0 ? value : value.slice(0, mark));
}

/** Without what is undefined: it would hide what another policy has said. */
function given(outbound: Outbound): Outbound {
  return Object.fromEntries(Object.entries(outbound).filter(([, value]) => value !== undefined));
}
