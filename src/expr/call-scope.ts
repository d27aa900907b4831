/** The scope of an MCP call: the request that brought it, and the `mcp` variable as places.ts declares it. */
import type { GuardedCall, GuardedItem, GuardedRequest } from '../core/guard.ts';
import { comesTo, type Expression, type Scope } from './expression.ts';
import { LazyRecord } from './lazy-record.ts';
import { exchangeScope, secretsOf } from './scope.ts';

/** `withSecrets`: an expression comes to some, see `asksForSecrets`. */
export function callScope(call: GuardedCall, request: GuardedRequest, withSecrets = false): Scope {
  const mcp = callVariables(call);
  // Without a request (standard input and output) there is nobody who has proved anything.
  if (!request) return { mcp } as unknown as Scope;
  return exchangeScope(request, withSecrets ? { ...secretsOf(request), mcp } : { mcp });
}

const OF_CALL = ['methodName', 'sessionId', 'client', 'tool', 'prompt', 'resource', 'task'];
const OF_TOOL = ['target', 'name', 'arguments', 'annotations'];

/** Only the kind concerned is there. A record, because getters in an object cost more than the limit that reads them. */
function callVariables(call: GuardedCall): LazyRecord {
  return new LazyRecord(OF_CALL, (name) => {
    switch (name) {
      case 'methodName':
        return call.method;
      case 'sessionId':
        return call.sessionId;
      case 'client':
        return call.client();
      default:
        return call.item?.kind === name ? itemVariables(call.item, call) : undefined;
    }
  });
}

function itemVariables(item: GuardedItem, call: GuardedCall): object {
  if (item.kind !== 'tool') return { target: item.target, name: item.name };
  return new LazyRecord(OF_TOOL, (name) => {
    switch (name) {
      case 'arguments':
        return call.arguments();
      case 'annotations':
        return item.annotations();
      default:
        return item[name as 'target' | 'name'];
    }
  });
}

export type ItemKind = GuardedItem['kind'];

const KINDS: readonly ItemKind[] = ['tool', 'prompt', 'resource', 'task'];

/** Kinds of items that expressions are about; none: they are about whatever comes by. */
export function kindsOf(expressions: readonly Expression[]): readonly ItemKind[] {
  return KINDS.filter((kind) => expressions.some((expression) => comesTo(expression, `mcp.${kind}`)));
}

/** Expressions about tools fail for lists: that is no failure, they have nothing to say there. */
export function isElsewhere(kinds: readonly ItemKind[], kind: ItemKind | undefined): boolean {
  return kinds.length > 0 && (kind === undefined || !kinds.includes(kind));
}
