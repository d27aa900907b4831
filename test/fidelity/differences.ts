/**
 * Every difference the gateway is meant to make, with its reason. Whatever is not listed is a defect, and an entry
 * that explains nothing in a whole run of our own upstream is stale: both fail the run. The page
 * docs/reference/wire.md is made of this list.
 */
import type { Case, Pair } from './case.ts';
import type { Difference } from './difference.ts';
import * as undo from './undo.ts';
import * as meetings from './undo-meetings.ts';

const ACROSS: readonly Pair[] = ['legacy-modern', 'modern-legacy'];
const MODERN_SERVER: readonly Pair[] = ['legacy-modern', 'modern-modern'];
const L_M: readonly Pair[] = ['legacy-modern'];
const M_L: readonly Pair[] = ['modern-legacy'];
const M_M: readonly Pair[] = ['modern-modern'];

/** Where several targets are one server. First, so that all others see texts as their target spells them. */
const merging: readonly Difference[] = [
  {
    name: 'names and URIs',
    reason:
      'where several targets are one server, tools and prompts are `target_name`, resources `target+uri` and tasks of the extension `target+id`, in bodies and in `Mcp-Name`',
    ways: ['merged'],
    without: meetings.targetNames,
  },
  {
    name: 'the rest of a merged list',
    reason:
      'a list of several targets is made of their entries; what one of them says beside the entries has no place, and how long it may be kept is the strictest of all',
    ways: ['merged'],
    without: meetings.mergedRest,
  },
  {
    name: 'several servers introduce themselves as one',
    reason:
      'capabilities are joined, instructions stand under the names of their targets, and the server is the gateway',
    ways: ['merged'],
    without: meetings.mergedOpening,
  },
  {
    name: 'what no target offers',
    reason:
      'among several targets there is none to ask about a name or a method that none of them has: the gateway answers',
    ways: ['merged'],
    without: meetings.nobodysBusiness,
  },
];

const messages: readonly Difference[] = [
  {
    name: '`params.task` among several targets',
    reason:
      'several servers offer no tasks of 2025-11-25, since an id would not say whose it is: the call runs as a plain one',
    pairs: ['legacy-legacy'],
    ways: ['merged'],
    without: meetings.tasks,
  },
  {
    name: 'request ids',
    reason:
      'a connection to a server carries the requests of many clients, so the gateway numbers them; each client gets its own ids back',
    without: undo.requestIds,
  },
  {
    name: 'progress tokens',
    reason:
      'two clients may choose the same one: the server gets the number of the request instead, the client its own back',
    without: undo.progressTokens,
  },
  {
    name: '`_meta` of a modern request, taken out',
    reason:
      'protocol version, client info, capabilities and log level are what a legacy server has been told in `initialize`; a `_meta` that is empty then goes too',
    pairs: M_L,
    without: undo.envelopeOut,
  },
  {
    name: '`_meta` of a modern request, put in',
    reason:
      'what a legacy client has said once, in `initialize` and `logging/setLevel`, a modern server wants to hear with each request',
    pairs: L_M,
    without: undo.envelopeIn,
  },
  {
    name: 'tasks',
    reason:
      'those of 2025-11-25 and those of the extension are two things of one name: neither capability crosses, nor `params.task` of a modern client',
    pairs: ACROSS,
    without: meetings.tasks,
  },
  {
    name: 'the `subscriptionId` of changes',
    reason:
      'it is the id of a request of one hop, which a legacy client never made; a modern one finds its own in front of the params',
    pairs: ['legacy-modern', 'modern-legacy', 'modern-modern'],
    without: undo.subscriptionId,
  },
];

const headers: readonly Difference[] = [
  {
    name: '`Mcp-Session-Id`',
    reason:
      'a session is of one hop: legacy clients have one with the gateway, and the gateway one with each legacy server',
    pairs: ['legacy-legacy', 'legacy-modern', 'modern-legacy'],
    without: undo.sessionId,
  },
  {
    name: '`MCP-Protocol-Version`',
    reason: 'each hop names the revision that is spoken on it',
    pairs: ACROSS,
    without: undo.versionHeader,
  },
  {
    name: '`Mcp-Method`, `Mcp-Name` and `Mcp-Param-*`',
    reason:
      'a modern server wants method, name and marked arguments repeated in headers; a legacy server knows none of them',
    pairs: ACROSS,
    without: undo.repeatedInHeaders,
  },
];

const results: readonly Difference[] = [
  {
    name: '`resultType`, put in',
    reason: 'a modern client must find it in each result; `"complete"`, in front of what the server wrote',
    pairs: M_L,
    without: undo.typeIn,
  },
  {
    name: '`resultType`, taken out',
    reason: 'legacy revisions do not know it',
    pairs: L_M,
    without: undo.typeOut,
  },
  {
    name: '`ttlMs` and `cacheScope`, put in',
    reason:
      'lists and resources of a modern server say how long they may be kept: not at all, and by nobody else, where a legacy server said nothing',
    pairs: M_L,
    without: undo.cachingIn,
  },
  {
    name: 'the server in `_meta`',
    reason: 'a modern result says who answers; a legacy server has said it in `initialize`',
    pairs: M_L,
    without: undo.serverInfoIn,
  },
  {
    name: 'error -32002 and -32602',
    reason: 'a resource that is not there has another number since 2026-07-28; message and data stay',
    pairs: ACROSS,
    without: undo.notFound,
  },
  {
    name: 'the HTTP status of errors',
    reason:
      'modern replies say some errors in the status too (an unknown method is a 404), legacy ones are 200',
    pairs: ACROSS,
    without: undo.errorStatus,
  },
];

const questions: readonly Difference[] = [
  {
    name: 'questions become `input_required`',
    reason:
      'what a legacy server asks in the middle of a call is a result that asks for input; its state names the call that waits here',
    pairs: M_L,
    without: undo.requestsAsRounds,
  },
  {
    name: '`input_required` becomes questions',
    reason: 'a legacy client is asked by requests while its call is open; it sees neither keys nor state',
    pairs: L_M,
    without: undo.roundsAsRequests,
  },
  {
    name: '`elicitationId`',
    reason: 'legacy clients expect one when they are sent to a URL, and modern servers give none',
    pairs: L_M,
    without: undo.elicitationId,
  },
  {
    name: 'questions without params',
    reason: 'they are asked with empty params',
    pairs: ACROSS,
    without: undo.noParams,
  },
  {
    name: '`requestState` is sealed',
    reason: 'it may only come back from the client that got it and to the server that gave it out',
    pairs: M_M,
    without: undo.sealedState,
  },
  {
    name: 'the spelling of `requestState`',
    reason: 'the server gets back the same characters, not the same escapes',
    pairs: MODERN_SERVER,
    without: undo.respelledState,
  },
];

const introductions: readonly Difference[] = [
  {
    name: 'the revisions',
    reason:
      'a client is told what the gateway speaks with it, a server is told what the gateway speaks with that server',
    pairs: ['legacy-modern', 'modern-legacy', 'modern-modern'],
    without: meetings.revisions,
  },
  {
    name: '`ttlMs` of `server/discover`',
    reason: 'it is 0: a reload may change what the gateway is to its clients',
    pairs: M_M,
    without: meetings.keptDiscovery,
  },
  {
    name: 'introductions between the eras',
    reason:
      '`initialize` and `server/discover` are two messages: capabilities, instructions and the name of the server are carried over, the rest is of its era',
    pairs: ACROSS,
    without: meetings.introduction,
  },
];

const events: readonly Difference[] = [
  {
    name: 'changes of lists',
    reason:
      'the gateway tells of them itself, once for several in a row and after a reload too: without what the server has added to its own notification',
    without: undo.listChanges,
  },
  {
    name: 'notifications that no revision defines',
    reason:
      'from a legacy server they may concern the whole session: a legacy client finds them on its listening stream, a modern one has none',
    pairs: ['legacy-legacy', 'modern-legacy'],
    without: undo.unknownEvents,
  },
  {
    name: 'notifications of clients that have no meaning there',
    reason:
      'modern clients over HTTP have none but those of extensions; among several targets nobody knows whose a strange one is; modern servers ask for roots when they need them',
    without: undo.clientNotifications,
  },
  {
    name: 'log messages a modern client has not asked for',
    reason: 'it names the least level with each request, a legacy server has one level for a whole session',
    pairs: M_L,
    without: undo.unwantedLogs,
  },
  {
    name: 'methods that are gone',
    reason:
      '`ping`, `logging/setLevel`, `resources/subscribe` and `resources/unsubscribe` of legacy clients are answered by the gateway where the server knows them no longer',
    pairs: L_M,
    without: undo.goneMethods,
  },
];

const framing: readonly Difference[] = [
  {
    name: 'white space between tokens',
    reason:
      'stdio and SSE carry one message per line, and a line end inside forwarded text would smuggle in a second message; strings and numbers stay as they are',
    without: undo.whiteSpace,
  },
];

/** In this order they are taken out of what differs. */
export const differences: readonly Difference[] = [
  ...merging,
  ...messages,
  ...headers,
  ...results,
  ...questions,
  ...introductions,
  ...events,
  ...framing,
];

/** A request as a client of several targets sends it: only names and URIs of our upstream are touched. */
export function exposed(one: Case): Case {
  const params = one.params
    .replace(/("name"\s*:\s*")(script|received|opened|greet|no-such-tool)"/, '$1raw_$2"')
    .replace(/("uri"\s*:\s*")(raw:)/, '$1raw+$2')
    .replace(/("taskId":")(task)/, '$1raw+$2');
  return { ...one, params, ...(one.tool === undefined ? {} : { tool: `raw_${one.tool}` }) };
}
