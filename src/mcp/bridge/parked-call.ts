/**
 * One call of a modern client. Where its legacy server asks something, the exchange that waits is answered with
 * `input_required`, and the call stays (it is parked) until the client sends the request again with the answer. A
 * state machine over questions, the exchange that attends, and the outcome; knows no HTTP and no link.
 *
 * At most one exchange attends. The key of a question is never used again in its call, so an answer only ever reaches
 * the question it was given to, however old the `requestState` is that it comes with.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Timer } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { members, splice, without } from '../../lib/json-text.ts';
import { parseObject } from '../../lib/json-value.ts';
import type { Importance, McpOutcome, Peer, Question } from '../call.ts';
import type { Answered } from '../calls/run-call.ts';
import { type Message, SLOT } from '../message.ts';
import { answerOf, notificationOf } from './again.ts';
import { missingCapability, neededCapability } from './needs.ts';
import { inputRequiredResult } from './outcomes.ts';
import { isSameRequest } from './request-state.ts';
import { spans } from './requests.ts';

/** A request, the first or one that continues it, and whose it is. */
export interface Asking {
  readonly message: Message;
  /** Whose it is: see `ownerOf`. */
  readonly principal: string;
  /** Whom the limit of parked calls counts for. */
  readonly visitor: object;
  /** Raw JSON object: what the client can be asked. */
  readonly capabilities: Buffer;
  /** Raw JSON object: what results say of the server. */
  readonly serverInfo: Buffer | undefined;
}

/** Where the exchange that attends writes what comes before its round. */
export interface Sink {
  notify(message: Buffer, importance: Importance): void;
}

/** What ends an exchange. */
export type Round =
  /** The response to the request that attends, whichever of the call's requests that is. */
  | { readonly kind: 'answered'; readonly answered: Answered }
  /** The result `input_required`. */
  | { readonly kind: 'input'; readonly body: Buffer };

/** Where a call can be found once it has asked something. */
export interface Place {
  /** The `requestState` that leads here. */
  state(): string;
  /** Runs `late` when nobody came back in time. */
  expect(late: (reason: Error) => void): Timer;
  /** Runs `offer` when the questions that the server asks together have come. */
  gather(offer: () => void): Timer;
  /** Counts what is kept for the call; false when all calls keep too much already, and then it is not counted. */
  keep(bytes: number): boolean;
  /** Nothing is kept any more, and nobody finds the call. */
  free(): void;
}

interface Attending {
  readonly sink: Sink;
  resolve(round: Round): void;
  reject(reason: Error): void;
}

interface Waiting {
  readonly question: Question;
  resolve(outcome: McpOutcome): void;
  reject(reason: Error): void;
  forget(): void;
}

/** What a call has from its first question on; most never ask. */
interface Parking {
  readonly place: Place;
  readonly waiting: Map<string, Waiting>;
  readonly forgetCancel: () => void;
  asked: number;
  /** A round will be offered soon. */
  gathering: Timer | undefined;
  timer: Timer | undefined;
}

const OVER = new GatewayError('CANCELLED', 'the call that asked is over');

export class ParkedCall implements Peer {
  readonly cancel: Cancel;
  readonly #first: Asking;
  readonly #takePlace: (call: ParkedCall, asking: Asking) => Place;
  /** The request that continues the call, from when it comes to its round. */
  #again: Asking | undefined;
  #attending: Attending | undefined;
  /** The outcome, while nobody attends who would take it. */
  #kept: Answered | GatewayError | undefined;
  #over = false;
  #parking: Parking | undefined;
  #lacking: Set<string> | undefined;

  constructor(asking: Asking, cancel: Cancel, takePlace: (call: ParkedCall, asking: Asking) => Place) {
    this.#first = asking;
    this.cancel = cancel;
    this.#takePlace = takePlace;
  }

  /**
   * Waits for what ends this exchange. Rejects when the call is cancelled, and with STATE_INVALID while another
   * exchange attends. `sink` names the exchange when it leaves.
   */
  attend(sink: Sink): Promise<Round> {
    if (this.#attending) return Promise.reject(attended());
    if (this.#over || this.cancel.cancelled) return Promise.reject(this.cancel.reason ?? OVER);
    return new Promise((resolve, reject) => {
      this.#attending = { sink, resolve, reject };
      this.#expectNobody();
      if (this.#kept) this.#deliver(this.#kept);
      else this.#gather();
    });
  }

  /** Its client went away: the call is cancelled, unless another exchange attends or it is parked. */
  leave(sink: Sink, reason: Error): void {
    if (this.#attending?.sink !== sink) return;
    this.#end(reason);
    this.cancel.cancel(reason);
  }

  /** The same request has come again. Throws STATE_INVALID when it is not the same, or one attends already. */
  retried(asking: Asking): void {
    const { principal, message } = asking;
    const first = this.#first;
    if (principal !== first.principal) throw otherCall('it was given to another client');
    if (!isSameRequest(message, first.message))
      throw otherCall(`this ${message.method} is not the request it was given for`);
    if (this.#attending) throw attended();
    this.#again = asking;
  }

  /**
   * The client's `inputResponses` (raw JSON): questions that have no answer there are asked again in the next round,
   * answers to what is no question (any more) are dropped. Throws INVALID_PARAMS, and then has settled none.
   */
  answer(inputResponses: Buffer | undefined): void {
    const waiting = this.#parking?.waiting;
    if (!inputResponses || !waiting) return;
    const given = members(inputResponses).filter(({ name }) => waiting.has(name));
    if (inputResponses[0] !== OPEN_BRACE || new Set(given.map(({ name }) => name)).size < given.length)
      throw this.#refused('"inputResponses" must be an object with one member for each question');
    for (const { name, start } of given)
      if (inputResponses[start] !== OPEN_BRACE)
        throw this.#refused(`"inputResponses.${name}" must be an object`);
    for (const { name, start, end } of given)
      this.#take(name)?.resolve({ kind: 'result', body: inputResponses.subarray(start, end) });
  }

  /** The request that brought it does not continue the call, which must not keep what nothing counts. */
  #refused(fault: string): GatewayError {
    this.#again = undefined;
    return new GatewayError('INVALID_PARAMS', fault);
  }

  /** The outcome of the call; kept while nobody attends. Nobody gets the outcome of a cancelled one. */
  finish(answered: Answered): void {
    if (this.#over || this.#kept) return;
    if (this.cancel.cancelled) return this.#end(this.cancel.reason ?? OVER);
    this.#withdrawAll(OVER);
    if (this.#attending) this.#deliver(answered);
    else this.#kept = this.#parking?.place.keep(lengthOf(answered)) === false ? noRoom('result') : answered;
  }

  /** Lost while nobody attends: a stream ends with its round, and the next one begins with the retry. */
  notify(message: Buffer, importance: Importance): void {
    const sink = this.#attending?.sink;
    if (!sink) return;
    const again = this.#again;
    const told = again ? notificationOf(message, importance, again.message) : message;
    if (told) sink.notify(told, importance);
  }

  ask(question: Question): Promise<McpOutcome> {
    try {
      const parking = this.#admit(question);
      return new Promise((resolve, reject) => this.#wait(parking, { question, resolve, reject }));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Capabilities of questions that were refused because the client has not declared them, such as `elicitation.url`. */
  get lacking(): readonly string[] {
    return this.#lacking ? [...this.#lacking] : NONE_LACKING;
  }

  #admit({ message, cancel }: Question): Parking {
    if (this.#over || this.#kept || this.cancel.cancelled) throw this.cancel.reason ?? OVER;
    if (cancel.cancelled) throw cancel.reason;
    this.#checkAskable(message);
    const most = LIMITS.pendingAsks.value;
    if (this.#parking && this.#parking.waiting.size >= most)
      throw new GatewayError('OVERLOADED', `${most} questions of this call wait for the client already`);
    this.#parking ??= this.#park();
    if (!this.#parking.place.keep(sizeOf(message))) throw noRoom('question');
    return this.#parking;
  }

  #checkAskable(message: Message): void {
    const params = paramsOf(message);
    if (params[0] !== OPEN_BRACE)
      throw new GatewayError('INVALID_PARAMS', `params of ${message.method} must be an object`);
    const needed = neededCapability(message.method, params);
    if (needed === undefined)
      throw new GatewayError('METHOD_NOT_FOUND', `the client cannot be asked ${message.method}`);
    const { capabilities } = this.#again ?? this.#first;
    const missing = missingCapability(parseObject(capabilities) ?? {}, needed);
    if (missing === undefined) return;
    this.#lacking ??= new Set();
    this.#lacking.add(missing);
    throw new GatewayError('METHOD_NOT_FOUND', `the client does not support ${missing}`);
  }

  #park(): Parking {
    const { message } = this.#first;
    const place = this.#takePlace(this, this.#first);
    // A call that could not be parked is not among the parked ones: it may still be answered.
    if (!place.keep(sizeOf(message))) {
      place.free();
      throw noRoom('request');
    }
    return {
      place,
      waiting: new Map(),
      forgetCancel: this.cancel.onCancel((reason) => this.#end(reason)),
      asked: 0,
      gathering: undefined,
      timer: undefined,
    };
  }

  #wait(parking: Parking, asked: Omit<Waiting, 'forget'>): void {
    parking.asked += 1;
    const key = `q${parking.asked}`;
    const forget = asked.question.cancel.onCancel((reason) => this.#take(key)?.reject(reason));
    parking.waiting.set(key, { ...asked, forget });
    if (this.#attending) this.#gather();
    else this.#expectSomebody(parking);
  }

  /** A server may ask several questions at once, each in a message of its own: they are one round. */
  #gather(): void {
    const parking = this.#parking;
    if (!parking || parking.gathering || parking.waiting.size === 0) return;
    parking.gathering = parking.place.gather(() => {
      parking.gathering = undefined;
      this.#offer(parking);
    });
  }

  #offer(parking: Parking): void {
    const attending = this.#attending;
    if (!attending || parking.waiting.size === 0) return;
    const requests = [...parking.waiting].map(([key, { question }]) => ({
      key,
      method: question.message.method,
      params: paramsOf(question.message),
    }));
    const { serverInfo } = this.#again ?? this.#first;
    const body = inputRequiredResult(requests, parking.place.state(), serverInfo);
    this.#attending = undefined;
    // Answered: only the first request is counted among what is kept.
    this.#again = undefined;
    this.#expectSomebody(parking);
    attending.resolve({ kind: 'input', body });
  }

  #expectSomebody(parking: Parking): void {
    parking.timer ??= parking.place.expect((reason) => this.cancel.cancel(reason));
  }

  #expectNobody(): void {
    if (!this.#parking) return;
    this.#parking.timer?.cancel();
    this.#parking.timer = undefined;
  }

  /** A question that nobody waits for any more. */
  #take(key: string): Waiting | undefined {
    const waiting = this.#parking?.waiting.get(key);
    this.#parking?.waiting.delete(key);
    if (!waiting) return undefined;
    this.#parking?.place.keep(-sizeOf(waiting.question.message));
    waiting.forget();
    return waiting;
  }

  #withdrawAll(reason: Error): void {
    for (const key of [...(this.#parking?.waiting.keys() ?? [])]) this.#take(key)?.reject(reason);
  }

  /** To the exchange that attends; the call is over. */
  #deliver(outcome: Answered | GatewayError): void {
    const attending = this.#attending;
    this.#attending = undefined;
    this.#end(OVER);
    if (outcome instanceof GatewayError) attending?.reject(outcome);
    else attending?.resolve({ kind: 'answered', answered: this.#addressed(outcome) });
  }

  #addressed(answered: Answered): Answered {
    return this.#again ? answerOf(answered, this.#again.message) : answered;
  }

  #end(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#kept = undefined;
    this.#withdrawAll(reason);
    this.#expectNobody();
    this.#parking?.gathering?.cancel();
    this.#parking?.forgetCancel();
    this.#parking?.place.free();
    const attending = this.#attending;
    this.#attending = undefined;
    attending?.reject(reason);
  }
}

const OPEN_BRACE = 0x7b;
const NONE_LACKING: readonly string[] = [];
const NO_PARAMS = Buffer.from('{}');

function lengthOf({ pieces }: Answered): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** With the white space around it, which is kept too. */
function sizeOf({ text }: Message): number {
  return text.bytes.length;
}

const PROGRESS_TOKEN = [[SLOT.metaProgressToken, 'progressToken']] as const;

/** Without the token: between its rounds a client has no way to tell of progress. */
function paramsOf({ text }: Message): Buffer {
  if (!text.has(SLOT.params)) return NO_PARAMS;
  if (!text.has(SLOT.metaProgressToken)) return text.raw(SLOT.params);
  const params = { start: text.startOf(SLOT.params), end: text.endOf(SLOT.params) };
  return splice(text.bytes, without(text.bytes, spans(text, PROGRESS_TOKEN)), params);
}

function noRoom(what: string): GatewayError {
  return new GatewayError('OVERLOADED', `calls that wait for their clients leave no room for this ${what}`);
}

/** A second exchange is refused rather than served beside the first: an answer is given once. */
function attended(): GatewayError {
  return new GatewayError(
    'STATE_INVALID',
    'the call of this requestState is being continued by another request',
  );
}

function otherCall(reason: string): GatewayError {
  return new GatewayError('STATE_INVALID', `the requestState does not belong here: ${reason}`);
}
