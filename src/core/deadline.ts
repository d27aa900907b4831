/** A layer that waits for a reply only so long. */
import { Attempt } from './attempt.ts';
import { GatewayError } from './errors.ts';
import { type Answer, type Exchange, isListening, isTunnel } from './exchange.ts';
import type { Clock } from './ports.ts';
import type { Layer } from './service.ts';

/** What a timer of Node takes; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** To the head of the reply; `name` is the key that says so. Streams and tunnels that have begun are not cut. */
export function within(clock: Clock, ms: number, name: string): Layer<Exchange, Answer> {
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
