/**
 * The operations of A2A under one name each, that of version 1.0, whichever version and transport a request comes by:
 * JSON-RPC method or path (HTTP+JSON); gRPC has a file of its own. Pure.
 */

/** A card at a well-known place; the protocol has no name for it. */
export const GET_CARD = 'GetAgentCard';
export const GET_EXTENDED_CARD = 'GetExtendedAgentCard';

export const OPERATIONS: ReadonlySet<string> = new Set([
  GET_CARD,
  GET_EXTENDED_CARD,
  'SendMessage',
  'SendStreamingMessage',
  'GetTask',
  'ListTasks',
  'CancelTask',
  'SubscribeToTask',
  'CreateTaskPushNotificationConfig',
  'GetTaskPushNotificationConfig',
  'ListTaskPushNotificationConfigs',
  'DeleteTaskPushNotificationConfig',
]);

/** JSON-RPC methods of 0.3 and before. */
const OLDER: Readonly<Record<string, string>> = {
  'message/send': 'SendMessage',
  'message/stream': 'SendStreamingMessage',
  'tasks/send': 'SendMessage',
  'tasks/sendSubscribe': 'SendStreamingMessage',
  'tasks/get': 'GetTask',
  'tasks/list': 'ListTasks',
  'tasks/cancel': 'CancelTask',
  'tasks/resubscribe': 'SubscribeToTask',
  'tasks/pushNotificationConfig/set': 'CreateTaskPushNotificationConfig',
  'tasks/pushNotificationConfig/get': 'GetTaskPushNotificationConfig',
  'tasks/pushNotificationConfig/list': 'ListTaskPushNotificationConfigs',
  'tasks/pushNotificationConfig/delete': 'DeleteTaskPushNotificationConfig',
  'tasks/pushNotification/set': 'CreateTaskPushNotificationConfig',
  'tasks/pushNotification/get': 'GetTaskPushNotificationConfig',
  'agent/getAuthenticatedExtendedCard': GET_EXTENDED_CARD,
};

/** A method that is none of A2A keeps its name. */
export function operationOf(method: string): string {
  return Object.hasOwn(OLDER, method) ? (OLDER[method] as string) : method;
}

/** What a path of HTTP+JSON asks for. */
export interface PathCall {
  readonly operation: string;
  readonly taskId: string | undefined;
}

/** Where cards stand: 1.0 and 0.3, then 0.2. */
const CARDS = /^(.*)\/\.well-known\/agent(?:-card)?\.json$/i;
/** 1.0, 0.3, 0.2. A tenant, or what a binding is mounted at, may stand before any of them. */
const EXTENDED_CARDS = /^(.*?)\/(?:extendedAgentCard|v1\/card|agent\/authenticatedExtendedCard)\/?$/i;

interface Shape {
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly operation: string;
}

const get = (path: RegExp, operation: string): Shape => ({ methods: ['GET', 'HEAD'], path, operation });
const post = (path: RegExp, operation: string): Shape => ({ methods: ['POST'], path, operation });

/** Servers take other cases and a slash at the end for the same; what is no operation to us must be none to them. */
const SHAPES: readonly Shape[] = [
  post(/\/message:send\/?$/i, 'SendMessage'),
  post(/\/message:stream\/?$/i, 'SendStreamingMessage'),
  post(/\/tasks\/([^/]+):cancel\/?$/i, 'CancelTask'),
  { methods: ['GET', 'POST'], path: /\/tasks\/([^/]+):subscribe\/?$/i, operation: 'SubscribeToTask' },
  post(/\/tasks\/([^/]+)\/pushNotificationConfigs\/?$/i, 'CreateTaskPushNotificationConfig'),
  get(/\/tasks\/([^/]+)\/pushNotificationConfigs\/?$/i, 'ListTaskPushNotificationConfigs'),
  get(/\/tasks\/([^/]+)\/pushNotificationConfigs\/[^/]+\/?$/i, 'GetTaskPushNotificationConfig'),
  {
    methods: ['DELETE'],
    path: /\/tasks\/([^/]+)\/pushNotificationConfigs\/[^/]+\/?$/i,
    operation: 'DeleteTaskPushNotificationConfig',
  },
  get(EXTENDED_CARDS, GET_EXTENDED_CARD),
  get(CARDS, GET_CARD),
  get(/\/tasks\/([^/]+)\/?$/i, 'GetTask'),
  get(/\/tasks\/?$/i, 'ListTasks'),
];

/** `path` as it came; undefined: none of HTTP+JSON. */
export function pathCall(method: string, path: string): PathCall | undefined {
  const plain = decoded(path);
  for (const { methods, path: shape, operation } of SHAPES) {
    if (!methods.includes(method)) continue;
    const [found, taskId] = shape.exec(plain) ?? [];
    if (found === undefined) continue;
    const isCard = operation === GET_CARD || operation === GET_EXTENDED_CARD;
    return { operation, taskId: isCard ? undefined : taskId };
  }
  return undefined;
}

/** What stands before the place of a card: where the agent is mounted. undefined: `path` is no such place. */
export function mountOf(path: string): string | undefined {
  return (CARDS.exec(path) ?? EXTENDED_CARDS.exec(path))?.[1];
}

/** Routers decode before they compare. */
function decoded(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
