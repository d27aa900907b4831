/**
 * How a call crosses from the client's era to the server's, and its outcome back: the four pairs. What the client is
 * asked on the way goes through its Peer: a legacy client's writes a request, a modern client's parks the call.
 */
import { asGatewayError, type ErrorCode, GatewayError } from '../../core/errors.ts';
import { isObject, parseObject } from '../../lib/json-value.ts';
import type { McpCall, McpOutcome, Peer } from '../call.ts';
import type { Caller } from '../calls/caller.ts';
import { LEVELS } from '../levels.ts';
import type { LinkCall } from '../link/flight.ts';
import type { LinkWithInfo, ServerInfo } from '../link/opened.ts';
import { sendLevel } from '../link/own-calls.ts';
import { ownWords } from '../link/own-words.ts';
import { type Member, type Message, numberText, readMessage, SLOT } from '../message.ts';
import type { Era } from '../revisions.ts';
import { asCapabilities } from './needs.ts';
import {
  errorToLegacy,
  errorToModern,
  inputRequiredResult,
  readInputRequired,
  resultToLegacy,
  resultToModern,
  withRequestState,
} from './outcomes.ts';
import { checkParamHeaders, type ParamHeader, paramHeaders } from './param-headers.ts';
import { type Retry, sameEra, toLegacy, toModern } from './requests.ts';
import { withRounds } from './rounds.ts';

export interface Crossing {
  readonly call: McpCall;
  readonly caller: Caller;
  readonly open: LinkWithInfo;
  /** Its name, as the client's `requestState` remembers it. */
  readonly target: string;
  /** Native name, URI or task id. */
  readonly native: string | undefined;
  /** Members that the server knows by other values. */
  readonly splices: readonly Member[];
  readonly deadline: LinkCall['deadline'];
  /** Arguments of the tool that are repeated in headers. */
  readonly repeated: readonly ParamHeader[];
  /** Headers of the client for this call alone; undefined: those the link has. */
  readonly client: readonly string[] | undefined;
}

type Pair = (crossing: Crossing) => Promise<McpOutcome>;

/** The client's era, then the server's. */
export const PAIRS: Readonly<Record<Era, Readonly<Record<Era, Pair>>>> = {
  legacy: { legacy: legacyAsItIs, modern: legacyToModern },
  modern: { legacy: modernToLegacy, modern: modernAsItIs },
};

function legacyAsItIs(crossing: Crossing): Promise<McpOutcome> {
  const { call, caller, splices } = crossing;
  const { message, headers } = call;
  // Several servers offer no tasks, and whoever offers none runs the call as if none were asked for (2025-11-25).
  const taskless = caller.view.single === undefined;
  return over(crossing, (id) =>
    sameEra(message, { id: numberText(id), members: splices, headers, taskless }),
  );
}

/** The call is sent again with the client's answers for as long as the server asks for input. */
async function legacyToModern(crossing: Crossing): Promise<McpOutcome> {
  const { call, caller, splices } = crossing;
  refuseTasks(crossing);
  const envelope = caller.envelope();
  const headers = withParams(crossing);
  const send = (retry?: Retry): Promise<McpOutcome> => {
    const write = (id: number): Buffer => {
      const rewrite = { id: numberText(id), members: splices, headers: call.headers, retry };
      return toModern(call.message, rewrite, envelope);
    };
    return over(crossing, write, { headers });
  };
  const { capabilities } = envelope;
  const asking = { call, capabilities, version: caller.version, ports: caller.ports };
  let answered = false;
  const again = (retry: Retry): Promise<McpOutcome> => {
    answered ||= retry.responses !== undefined;
    return send(retry).catch((cause: unknown) => {
      throw answered ? notAnew(cause) : cause;
    });
  };
  const outcome = await withRounds(await send(), again, asking);
  if (outcome.kind === 'error')
    return { kind: 'error', body: errorToLegacy(ofThisHop(outcome).body, call.method) };
  const body = resultToLegacy(outcome.body);
  return body === outcome.body ? outcome : { kind: 'result', body };
}

const LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UPSTREAM_SESSION_LOST',
  'UPSTREAM_CLOSED',
  'PROCESS_EXIT',
]);

/** A call that was lost may be sent again from its beginning, but not when its client would be asked the same again. */
function notAnew(cause: unknown): GatewayError {
  const error = asGatewayError(cause);
  if (!LOST.has(error.code)) return error;
  const message = `lost after the client had answered its questions: ${error.message}`;
  return new GatewayError('UPSTREAM_PROTOCOL', message, { cause });
}

async function modernToLegacy(crossing: Crossing): Promise<McpOutcome> {
  const { call, splices, open, target } = crossing;
  const { message, headers, envelope } = call;
  refuseTasks(crossing);
  if (call.state) throw changedEra(target);
  if (call.inbound) checkParamHeaders(args(message), crossing.repeated, call.inbound);
  if (envelope?.logLevel !== undefined) await wantLevel(open, envelope.logLevel);
  const peer = envelope?.logLevel === 'debug' ? call.peer : new Quiet(call.peer, envelope?.logLevel);
  const outcome = await over(
    crossing,
    (id) => toLegacy(message, { id: numberText(id), members: splices, headers }),
    { peer },
  );
  const serverInfo = identityOf(open.info);
  if (outcome.kind === 'error') return urlsWanted(outcome.body, call, serverInfo) ?? errorOf(outcome.body);
  const cacheable = call.method === 'resources/read';
  return { kind: 'result', body: resultToModern(outcome.body, { cacheable, serverInfo }) };
}

async function modernAsItIs(crossing: Crossing): Promise<McpOutcome> {
  const { call, caller, splices, target } = crossing;
  const { message, state } = call;
  if (state && state.target !== target) throw changedEra(target);
  if (call.inbound) checkParamHeaders(args(message), crossing.repeated, call.inbound);
  const members: readonly Member[] = state
    ? [...splices, [SLOT.requestState, Buffer.from(JSON.stringify(state.state))]]
    : splices;
  const headers = withParams(crossing);
  const outcome = await over(
    crossing,
    (id) => sameEra(message, { id: numberText(id), members, headers: call.headers }),
    { headers },
  );
  if (outcome.kind === 'error') return ofThisHop(outcome);
  const input = readInputRequired(outcome.body);
  if (input?.state === undefined) return outcome;
  return { kind: 'result', body: withRequestState(outcome.body, caller.sealState(target, input.state)) };
}

/** A server of the other era may know methods of these names, and mean something else by them. */
function refuseTasks({ call: { method } }: Crossing): void {
  if (!method.startsWith('tasks/')) return;
  const message = `Method not found: ${method}: the tasks of the client are not those of the server`;
  throw new GatewayError('METHOD_NOT_FOUND', message);
}

function over(
  { call, open, native, deadline, client }: Crossing,
  write: (id: number) => Buffer,
  other: { readonly peer?: Peer; readonly headers?: readonly string[] | undefined } = call,
): Promise<McpOutcome> {
  const { text } = call.message;
  return open.link.call({
    method: call.method,
    name: native,
    write,
    progressToken: text.has(SLOT.metaProgressToken) ? text.raw(SLOT.metaProgressToken) : undefined,
    peer: other.peer ?? call.peer,
    cancel: call.cancel,
    deadline,
    headers: other.headers ?? call.headers,
    client,
    record: call.record,
  });
}

/** The headers of the hop, and the arguments that the tool wants repeated there. */
function withParams({ call, repeated }: Crossing): readonly string[] | undefined {
  if (repeated.length === 0) return call.headers;
  return [...(call.headers ?? []), ...paramHeaders(args(call.message), repeated)];
}

function args({ text }: Message): Buffer | undefined {
  return text.has(SLOT.arguments) ? text.raw(SLOT.arguments) : undefined;
}

function changedEra(target: string): GatewayError {
  return new GatewayError(
    'STATE_INVALID',
    `"requestState" does not belong to a call of "${target}" as it is now; send the request without it`,
  );
}

/** A modern client sees log messages of its call from the level on that it named, and none when it named none. */
class Quiet implements Peer {
  readonly #peer: Peer;
  readonly #from: number;

  constructor(peer: Peer, level: string | undefined) {
    this.#peer = peer;
    this.#from = level === undefined ? LEVELS.length : LEVELS.indexOf(level);
  }

  notify(message: Buffer, importance: Parameters<Peer['notify']>[1]): void {
    if (importance === 'log' && levelOf(message) < this.#from) return;
    this.#peer.notify(message, importance);
  }

  ask(question: Parameters<Peer['ask']>[0]): Promise<McpOutcome> {
    return this.#peer.ask(question);
  }
}

function levelOf(message: Buffer): number {
  return LEVELS.indexOf(readMessage(message).text.text(SLOT.level) ?? '');
}

/** The most talkative level asked for over a link; a legacy server has one per session. */
const levels = new WeakMap<object, number>();

/** The call waits for it: over HTTP one could overtake the other. */
async function wantLevel(open: LinkWithInfo, level: string): Promise<void> {
  const wanted = LEVELS.indexOf(level);
  if (wanted >= (levels.get(open.link) ?? LEVELS.length)) return;
  levels.set(open.link, wanted);
  await sendLevel(open, level).catch(() => undefined);
}

/** What the server calls itself. */
function identityOf(info: ServerInfo): Buffer | undefined {
  return isObject(info.serverInfo) ? ownWords(info).serverInfo : undefined;
}

function errorOf(body: Buffer): McpOutcome {
  return { kind: 'error', body: errorToModern(body) };
}

/** -32020 and -32022 speak of the hop they came over: what we sent was wrong, not what the client did. */
function ofThisHop(outcome: McpOutcome): McpOutcome {
  const code = parseObject(outcome.body.length < 65_536 ? outcome.body : '')?.['code'];
  if (code !== -32020 && code !== -32022) return outcome;
  const message = `the upstream refused the gateway's request (${code})`;
  throw new GatewayError('UPSTREAM_PROTOCOL', message, { data: { upstreamCode: code } });
}

const URL_ELICITATION_REQUIRED = -32042;

/**
 * The older way to ask a person to visit a page (2025-11-25) is an error, which the newer revision must not be sent:
 * there it is a question, after which the call is simply made again.
 */
function urlsWanted(error: Buffer, call: McpCall, serverInfo: Buffer | undefined): McpOutcome | undefined {
  if (!error.includes('-32042')) return undefined;
  const value = parseObject(error);
  const data = value?.['code'] === URL_ELICITATION_REQUIRED ? value['data'] : undefined;
  const wanted = isObject(data) && Array.isArray(data['elicitations']) ? data['elicitations'] : [];
  if (wanted.length === 0) return undefined;
  const able = parseObject(call.envelope?.capabilities ?? '{}')?.['elicitation'];
  if (!isObject(able) || able['url'] === undefined) throw noUrls();
  const requests = wanted.map((each: unknown, at) => ({
    key: `url${at + 1}`,
    method: 'elicitation/create',
    params: Buffer.from(JSON.stringify(isObject(each) ? { ...each, elicitationId: undefined } : {})),
  }));
  return { kind: 'result', body: inputRequiredResult(requests, undefined, serverInfo) };
}

function noUrls(): GatewayError {
  const requiredCapabilities = asCapabilities(['elicitation.url']);
  return new GatewayError(
    'CAPABILITY_MISSING',
    'the server needs what the client has not declared: elicitation.url',
    {
      data: { requiredCapabilities },
    },
  );
}
