/** The `buffer` policy: bodies that go on when they are whole. What would never be whole is let through. */
import { type Answer, type Exchange, isListening } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Layer } from '../../core/service.ts';
import { heldReply } from './reply.ts';
import { heldRequest } from './request.ts';
import { bufferSchema, type SideConfig } from './schema.ts';

export const buffer = definePolicy({
  key: 'buffer',
  phase: 'transform',
  attach: ['route'],
  schema: bufferSchema,
  build: ({ request, response }) => ({
    exchange: (next) => (request ? held(request) : same)((response ? heldReplies(response) : same)(next)),
  }),
});

const same: Layer<Exchange, Answer> = (next) => next;

function held(config: SideConfig): Layer<Exchange, Answer> {
  return (next) => async (exchange) => {
    if (exchange.body.length === 0 || exchange.upgrade !== undefined) return next(exchange);
    return next(await heldRequest(exchange, config));
  };
}

function heldReplies(config: SideConfig): Layer<Exchange, Answer> {
  return (next) => async (exchange) => {
    const answer = await next(exchange);
    return isListening(exchange) || exchange.method === 'HEAD' ? answer : heldReply(answer, config);
  };
}
