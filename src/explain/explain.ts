/**
 * Answers a question by asking a gateway: the plan is built as for serving, the request goes through its layers, and
 * what decides tells a witness. Connects to nobody but the issuers of tokens.
 */
import { asGatewayError, GatewayError } from '../core/errors.ts';
import { isTunnel } from '../core/exchange.ts';
import type { Plan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import type { AuthenticationFinding, Judgement, Witness } from '../core/witness.ts';
import { Gateway } from '../gateway.ts';
import { isObject, parseObject } from '../lib/json-value.ts';
import { AskedExchange } from './exchange.ts';
import { sendCall, sendList } from './messages.ts';
import { exposedName, prefixOf } from './names.ts';
import { type Question, QuestionError } from './question.ts';
import { type Reached, Stage } from './stage.ts';
import { type Way, wayOf } from './way.ts';

export interface Explanation {
  readonly request: { readonly method: string; readonly url: string };
  readonly listener: string;
  readonly route: string | undefined;
  /** Kind and key; undefined: none was reached. */
  readonly backend: { readonly kind: string; readonly key: string } | undefined;
  readonly item: Question['item'];
  /** Name that clients use for the item. */
  readonly exposed: string | undefined;
  /** Of whoever proved something. */
  readonly principal: string | undefined;
  readonly authentication: readonly AuthenticationFinding[];
  /** Of HTTP requests and the call, in the order of judgement. */
  readonly judgements: readonly Judgement[];
  /** Whether lists show the item; undefined where the call did not get as far as to ask. */
  readonly listed: { readonly shown: boolean; readonly judgements: readonly Judgement[] } | undefined;
  readonly outcome: Outcome;
  readonly notes: readonly string[];
}

export type Outcome =
  | { readonly kind: 'allowed'; readonly reached: Reached | undefined }
  | { readonly kind: 'unauthenticated'; readonly message: string }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'scopes'; readonly message: string; readonly scopes: readonly string[] }
  /** Looks as though there was no such thing. */
  | { readonly kind: 'unknown'; readonly message: string }
  /** Not by a decision about who may what: no route, a wrong host, keys that cannot be had. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string };

/** Throws QuestionError, or GatewayError CONFIG_INVALID. */
export async function explain(plan: Plan, question: Question, ports: Ports): Promise<Explanation> {
  const way = wayOf(plan, question);
  let exposed: string | undefined;
  const stage = new Stage(question, (exchange, config) => {
    exposed = exposedName(config, question.item as NonNullable<Question['item']>);
    if (exchange.witness === call.witness) sendCall(exchange, question, exposed);
    else sendList(exchange, question);
  });
  const gateway = new Gateway({
    definitions: stage.definitions,
    ports,
    address: undefined,
    listen: false,
    drainMs: 0,
  });
  const call = new Asking({ gateway, way, question, ports });
  try {
    await gateway.apply(withoutTls(plan));
    const answer = await call.ask();
    const { arrival, reached } = stage;
    if (question.item && arrival && !arrival.mcp)
      throw new QuestionError(
        `route "${call.exchange.record.route}" leads to a ${arrival.kind} backend, which has no ${question.item.kind}s`,
      );
    const list = arrival && question.item ? new Asking({ gateway, way, question, ports }) : undefined;
    const shown = list && isListed(await list.ask(), exposed as string);
    const { record, principal } = call.exchange;
    const outcome = outcomeOf(answer, { reached, wanted: question.item !== undefined });
    return {
      request: { method: call.exchange.method, url: `${way.scheme}://${way.authority}${way.url}` },
      listener: record.listener,
      route: record.route,
      backend: record.backend === undefined ? undefined : backendOf(plan, record.backend),
      item: question.item,
      exposed,
      principal,
      authentication: call.authentication,
      judgements: call.judgements,
      listed: list && {
        shown: shown === true,
        judgements: list.judgements.filter((one) => isAbout(one, call)),
      },
      outcome,
      notes: notesOf(question, { call, outcome, arrival, exposed }),
    };
  } finally {
    await gateway.close();
  }
}

interface AskingOptions {
  readonly gateway: Gateway;
  readonly way: Way;
  readonly question: Question;
  readonly ports: Ports;
}

interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown> | undefined;
}

/** One request, and all that was said about it. */
class Asking {
  readonly exchange: AskedExchange;
  readonly authentication: AuthenticationFinding[] = [];
  readonly judgements: Judgement[] = [];
  readonly witness: Witness;
  readonly #options: AskingOptions;

  constructor(options: AskingOptions) {
    const { question, way, ports } = options;
    const method = question.item ? 'POST' : (question.request.method ?? 'GET');
    this.#options = options;
    this.witness = {
      authenticated: (finding) => void this.authentication.push(finding),
      judged: (judgement) => void this.judgements.push(judgement),
    };
    this.exchange = new AskedExchange({ way, question, method, witness: this.witness, ports });
  }

  async ask(): Promise<Answered | GatewayError> {
    const { gateway, way } = this.#options;
    const serve = gateway.generation?.binds.get(way.port);
    if (!serve) throw new QuestionError(`nothing listens on port ${way.port}`);
    try {
      const answer = await serve(this.exchange);
      if (isTunnel(answer)) throw new GatewayError('INTERNAL', 'the answer is a tunnel');
      const body = await answer.body.collect(MOST_BYTES);
      return { status: answer.status, body: parseObject(body) };
    } catch (error) {
      if (error instanceof QuestionError) throw error;
      return asGatewayError(error);
    }
  }
}

const MOST_BYTES = 4 * 1024 * 1024;

function backendOf({ binds }: Plan, key: string): Explanation['backend'] {
  const routes = binds.flatMap(({ listeners }) => listeners.flatMap((listener) => listener.routes));
  const found = routes.flatMap(({ backends }) => backends).find((backend) => backend.key === key);
  return { kind: found?.kind ?? '', key };
}

/** How connections are secured and passed on decides nothing here, and whoever asks may not have the keys. */
function withoutTls(plan: Plan): Plan {
  const binds = plan.binds.map((bind) => ({
    ...bind,
    listeners: bind.listeners.map((listener) => ({ ...listener, tls: undefined, tcpRoutes: [] })),
  }));
  return { ...plan, binds };
}

const UNKNOWN = [-32601, -32602];

function outcomeOf(
  answer: Answered | GatewayError,
  { reached, wanted }: { reached: Reached | undefined; wanted: boolean },
): Outcome {
  if (answer instanceof GatewayError) {
    const { code, message } = answer;
    if (code === 'UNAUTHENTICATED') return { kind: 'unauthenticated', message };
    return code === 'FORBIDDEN' ? { kind: 'forbidden', message } : { kind: 'failed', code, message };
  }
  if (reached || (!wanted && answer.status < 400)) return { kind: 'allowed', reached };
  const error = isObject(answer.body?.['error']) ? answer.body['error'] : {};
  const { code, data } = error;
  const message = typeof error['message'] === 'string' ? error['message'] : `status ${answer.status}`;
  if (answer.status === 401) return { kind: 'unauthenticated', message };
  const scopes = isObject(data) ? data['scopes'] : undefined;
  if (Array.isArray(scopes)) return { kind: 'scopes', message, scopes: scopes.map(String) };
  if (typeof code === 'number' && UNKNOWN.includes(code)) return { kind: 'unknown', message };
  return { kind: 'failed', code: String(code ?? answer.status), message };
}

function isListed(answer: Answered | GatewayError, exposed: string): boolean {
  if (answer instanceof GatewayError || !isObject(answer.body?.['result'])) return false;
  const lists = Object.values(answer.body['result']).filter((value) => Array.isArray(value));
  return lists.flat().some((one) => isObject(one) && (one['uri'] ?? one['name']) === exposed);
}

/** Other endpoints and names may have been asked about in passing. */
function isAbout({ question, item }: Judgement, { judgements }: Asking): boolean {
  const asked = judgements.find((one) => one.question === 'call')?.item;
  return question === 'list' && (!asked || (item?.target === asked.target && item.name === asked.name));
}

function notesOf(
  { item, client }: Question,
  at: { call: Asking; outcome: Outcome; arrival: Stage['arrival']; exposed: string | undefined },
): string[] {
  const { call, outcome, arrival } = at;
  const reads = new Set(
    call.judgements.flatMap(({ rules }) => rules.flatMap((rule) => rule.reads.map(({ name }) => name))),
  );
  const readsAny = (path: string): boolean =>
    [...reads].some((read) => read === path || read.startsWith(`${path}.`));
  const notes: string[] = [];
  const proved = (policy: string): boolean =>
    call.authentication.some((one) => one.policy.startsWith(policy));
  if (item?.kind === 'tool' && !item.annotations && readsAny('mcp.tool.annotations'))
    notes.push('rules read annotations of the tool, which only its server knows: none were given');
  if (item?.kind === 'tool' && !item.arguments && readsAny('mcp.tool.arguments'))
    notes.push('rules read arguments of the call: none were given');
  if (client.claims && !proved('jwtAuth') && !proved('mcpAuthentication') && call.exchange.record.route)
    notes.push('claims were given, but no policy on this way reads tokens: rules see none of them');
  if (client.claims && call.exchange.identity?.jwt)
    notes.push('the claims count as verified: issuer, audience and times were not looked at');
  const said = call.judgements.some(({ allowed }) => !allowed);
  if (outcome.kind === 'unknown' && !said && arrival?.mcp && item) notes.push(unknownNote(item, arrival.mcp));
  return notes;
}

function unknownNote(
  { kind, name, target }: NonNullable<Question['item']>,
  config: NonNullable<NonNullable<Stage['arrival']>['mcp']>,
): string {
  const prefixes = config.targets.map((one) => prefixOf(config, one)).filter((prefix) => prefix !== '');
  if (
    target === undefined &&
    kind !== 'resource' &&
    prefixes.length > 0 &&
    !prefixes.some((one) => name.startsWith(one))
  )
    return `no rule says so: names of this endpoint begin with ${prefixes.join(', ')}; or give the target`;
  if (target === undefined && config.targets.length > 1)
    return 'no rule says so: which target has it only their servers know, so give the target; or `tools` leaves it out';
  return 'no rule says so: the `tools` of the target leave it out, or call it otherwise';
}
