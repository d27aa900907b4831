/** The way of one exchange with an agent. What is protocol lies in a2a/; here is when it is asked. */
import { restError, rpcError } from '../../a2a/error.ts';
import { GET_CARD, GET_EXTENDED_CARD } from '../../a2a/operations.ts';
import { Attempt } from '../../core/attempt.ts';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel } from '../../core/exchange.ts';
import type { Layer } from '../../core/service.ts';
import { answerCard, answerGrpcCard, cardRequest } from './cards.ts';
import { observed } from './observed.ts';
import { type Question, questionOf, readBody } from './question.ts';
import type { A2aConfig } from './schema.ts';
import { type WebhookDeps, Webhooks } from './webhooks.ts';

export interface A2aDeps extends WebhookDeps {
  readonly requestBytes: number;
}

export function a2aLayer(config: A2aConfig, { requestBytes, ...deps }: A2aDeps): Layer<Exchange, Answer> {
  const webhooks = new Webhooks(config.webhooks, deps);
  return (next) => async (exchange) => {
    if (exchange.upgrade !== undefined) return next(exchange);
    const question = questionOf(exchange);
    exchange.record.a2a = question.facts;
    try {
      const body = await readBody(exchange, question, { limit: requestBytes, webhooks });
      exchange.record.a2a = question.facts;
      const inner = new Attempt(exchange, { body });
      const isCard = asksForCard(question);
      if (isCard) inner.rawHeaders = cardRequest(exchange.rawHeaders);
      else if (STREAMS.has(question.facts.method ?? '')) inner.streams = true;
      const answer = await next(inner);
      if (isTunnel(answer)) return answer;
      if (!isCard) return observed(answer, question);
      const place = { exchange, inner, question, config };
      return await (question.grpc ? answerGrpcCard(answer, place) : answerCard(answer, place));
    } catch (error) {
      throw rendered(error, question);
    }
  };
}

/** Silent for as long as the agent thinks, and none of them may keep other calls waiting. */
const STREAMS: ReadonlySet<string> = new Set(['SendStreamingMessage', 'SubscribeToTask']);

function asksForCard({ facts: { method } }: Question): boolean {
  return method === GET_CARD || method === GET_EXTENDED_CARD;
}

/** As clients of the transport read errors; those of gRPC are rendered at the rim. */
function rendered(error: unknown, { facts, id, isAgentCall }: Question): unknown {
  facts.outcome = 'error';
  const failure = asGatewayError(error);
  const { code, detail } = failure;
  if (!isAgentCall || facts.transport === 'GRPC' || code === 'CANCELLED' || detail.body) return error;
  const isRpc = facts.transport === 'JSONRPC';
  const bytes = isRpc ? rpcError(failure, id) : restError(failure);
  return new GatewayError(code, failure.message, {
    ...detail,
    ...(failure.cause !== undefined && { cause: failure.cause }),
    body: { type: 'application/json', bytes },
  });
}
