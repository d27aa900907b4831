/**
 * The `timeout` policy: how long a reply may be waited for. MCP calls are not cut here but by their own deadlines, which
 * the mcp backend takes from the same settings: a client gets an error it understands, and what a call waits for (a
 * person, progress) is taken into account.
 */
import { Attempt } from '../../core/attempt.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isListening, isTunnel } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Clock } from '../../core/ports.ts';
import type { Layer } from '../../core/service.ts';
import { timeoutSchema } from './schema.ts';

export const timeout = definePolicy({
  key: 'timeout',
  phase: 'resilience',
  attach: ['route'],
  schema: timeoutSchema,
  build: ({ requestTimeout, backendRequestTimeout }, { ports, route }) => {
    if (route?.backends.every((kind) => kind === 'mcp')) return {};
    return {
      ...(requestTimeout && { exchange: within(ports.clock, requestTimeout, 'requestTimeout') }),
      ...(backendRequestTimeout && {
        attempt: within(ports.clock, backendRequestTimeout, 'backendRequestTimeout'),
      }),
    };
  },
});

/** What a timer of Node takes; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

function within(clock: Clock, ms: number, name: string): Layer<Exchange, Answer> {
  return (next) => (exchange) => {
    // It may have nothing to say for hours, its head included.
    if (isListening(exchange)) return next(exchange);
    return new Promise((resolve, reject) => {
      const attempt = new Attempt(exchange);
      const answering = next(attempt);
      let late: GatewayError | undefined;
      const timer = clock.after(Math.min(ms, LONGEST), () => {
        late = new GatewayError('UPSTREAM_TIMEOUT', `no reply within ${ms} ms (${name})`);
        reject(late);
        attempt.cancel.cancel(late);
      });
      const settled = (answer: Answer): void => {
        timer.cancel();
        if (late && !isTunnel(answer)) answer.body.cancel(late);
        resolve(answer);
      };
      answering.then(settled, (error: unknown) => {
        timer.cancel();
        reject(error);
      });
    });
  };
}
