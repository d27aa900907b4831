/** The scope of an MCP call: the request that brought it, and the `mcp` variable as places.ts declares it. */
import type { GuardedCall, GuardedItem, GuardedRequest } from '../core/guard.ts';
import type { Scope } from './expression.ts';
import { exchangeScope, secretsOf } from './scope.ts';

/** `withSecrets`: an expression comes to some, see `asksForSecrets`. */
export function callScope(call: GuardedCall, request: GuardedRequest, withSecrets = false): Scope {
  const mcp = callVariables(call);
  // Without a request (standard input and output) there is nobody who has proved anything.
  if (!request) return { mcp } as unknown as Scope;
  return exchangeScope(request, withSecrets ? { ...secretsOf(request), mcp } : { mcp });
}

/** Own members only, for expressions see no others; what has to be parsed is parsed when one comes to it. */
function callVariables(call: GuardedCall): object {
  const { method: methodName, sessionId, item } = call;
  return {
    ...(item && itemVariables(item, call)),
    methodName,
    sessionId,
    get client() {
      return call.client();
    },
  };
}

function itemVariables(item: GuardedItem, call: GuardedCall): object {
  const { kind, target, name } = item;
  if (kind !== 'tool') return { [kind]: { target, name } };
  return {
    tool: {
      target,
      name,
      get arguments() {
        return call.arguments();
      },
      get annotations() {
        return item.annotations();
      },
    },
  };
}
