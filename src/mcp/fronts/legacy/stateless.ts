/**
 * Streamable HTTP for legacy clients of endpoints that keep no sessions (`statefulMode: stateless`): initialize gives
 * out no id, and every POST is served by itself. Servers cannot ask such clients anything: nothing would lead an answer
 * back to its question.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import { type Exchange, header, type Reply } from '../../../core/exchange.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { Flow } from '../../../lib/flow.ts';
import { resultMessage } from '../../../lib/json-rpc.ts';
import { isObject } from '../../../lib/json-value.ts';
import type { Envelope } from '../../bridge/envelope.ts';
import type { McpOutcome, Peer } from '../../call.ts';
import { type Answered, renderError, runCall } from '../../calls/run-call.ts';
import type { Message } from '../../message.ts';
import { DEFAULT_REVISION } from '../../revisions.ts';
import {
  accepted,
  clientContext,
  isChallenge,
  JSON_HEADERS,
  judged,
  shownWith,
  traceHeaders,
} from '../exchange.ts';
import type { FrontParts } from '../options.ts';
import { SingleReply } from '../single-reply.ts';
import { joinBatch, readBatch } from './batch.ts';
import { checkRevision } from './checks.ts';

/** Whatever it declared at initialize is not remembered, so servers are told that it can do nothing. */
const NOBODY: Envelope = {
  version: DEFAULT_REVISION,
  capabilities: Buffer.from('{}'),
  info: undefined,
  logLevel: undefined,
};

const NO_SESSION = new GatewayError(
  'METHOD_NOT_FOUND',
  'a client without a session cannot be asked anything',
);
/** Its subscription would be that of everybody, and nobody would hear of it. */
const UNHEARD: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);
const CANNOT_HEAR = new GatewayError(
  'METHOD_NOT_FOUND',
  'a client without a session has no stream on which it would hear of resources',
);
const GONE = new GatewayError('CANCELLED', 'the client went away');

export class StatelessFront {
  readonly #options: FrontParts;

  constructor(options: FrontParts) {
    this.#options = options;
  }

  async post(exchange: Exchange, message: Message): Promise<Reply> {
    checkRevision(exchange);
    if (message.kind !== 'request') return accepted();
    if (message.method !== 'initialize') return this.#call(exchange, message);
    const { body } = await this.#options.endpoint.greet(
      message,
      clientContext(exchange, this.#options.endpoint),
    );
    return {
      status: 200,
      headers: JSON_HEADERS,
      body: Flow.of(resultMessage(Buffer.from(message.id), withoutStreams(body))),
    };
  }

  /** Answered whole: what is said on the way belongs to no one of the requests. */
  async batch(exchange: Exchange, body: Buffer): Promise<Reply> {
    checkRevision(exchange);
    const messages = readBatch(body, { max: this.#options.limits.batch, version: revisionOf(exchange) });
    const requests = messages.filter(({ kind }) => kind === 'request');
    if (requests.length === 0) return accepted();
    const cancel = new Cancel();
    exchange.cancel.onCancel((reason) => cancel.cancel(reason));
    const answers = await Promise.all(
      requests.map(async (message) => {
        const { pieces } = await this.#run(exchange, message, { peer: SILENT, cancel });
        return { id: message.id, pieces };
      }),
    );
    return { status: 200, headers: JSON_HEADERS, body: Flow.inPieces(joinBatch(answers)) };
  }

  #call(exchange: Exchange, message: Message): Promise<Reply> {
    const cancel = new Cancel();
    const reply = new SingleReply(this.#options, exchange, message);
    reply.awaits({ leave: () => cancel.cancel(GONE) });
    const peer: Peer = {
      notify: (notification, importance) => reply.notify(notification, importance),
      ask: () => Promise.reject(NO_SESSION),
    };
    this.#run(exchange, message, { peer, cancel }).then(
      ({ pieces, error }) => {
        if (isChallenge(error)) reply.refuse(error);
        else reply.answer(200, pieces);
      },
      (cause: unknown) => reply.answer(200, [renderError(Buffer.from(message.id), asGatewayError(cause))]),
    );
    return reply.reply;
  }

  async #run(
    exchange: Exchange,
    message: Message,
    { peer, cancel }: { peer: Peer; cancel: Cancel },
  ): Promise<Answered> {
    const { endpoint } = this.#options;
    const { route, traceId } = exchange.record;
    const visitor = endpoint.visit(NOBODY, clientContext(exchange, endpoint), revisionOf(exchange));
    visitor.enter();
    try {
      const headers = traceHeaders(exchange);
      const refused = UNHEARD.has(message.method) ? CANNOT_HEAR : undefined;
      const judging = judged(endpoint, exchange);
      const shown = shownWith(exchange, endpoint);
      const context = { peer, cancel, route, traceId, headers, refused, exchange: judging, shown };
      return await runCall(visitor, message, context);
    } finally {
      visitor.leave();
    }
  }
}

const LISTS = ['tools', 'prompts', 'resources'] as const;

/** Nothing is promised that a client without a session would never hear: changes, updates, messages of a level. */
function withoutStreams(initialized: Buffer): Buffer {
  const result = JSON.parse(initialized.toString('utf8')) as Record<string, unknown>;
  const { logging: _, ...capabilities } = isObject(result['capabilities']) ? result['capabilities'] : {};
  for (const list of LISTS) {
    const capability = capabilities[list];
    if (isObject(capability))
      capabilities[list] = { ...capability, listChanged: undefined, subscribe: undefined };
  }
  return Buffer.from(JSON.stringify({ ...result, capabilities }));
}

const SILENT: Peer = {
  notify() {},
  ask: (): Promise<McpOutcome> => Promise.reject(NO_SESSION),
};

function revisionOf(exchange: Exchange): string {
  return header(exchange, 'mcp-protocol-version') ?? DEFAULT_REVISION;
}
