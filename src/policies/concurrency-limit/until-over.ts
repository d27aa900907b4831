/** Tells when a reply is over: its body has ended, failed or is no longer wanted, its tunnel is closed. */
import { type Answer, isTunnel } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';

/** `over` may be called more than once. */
export function untilOver(answer: Answer, over: () => void): Answer {
  if (isTunnel(answer)) {
    const { status, headers } = answer;
    return {
      status,
      headers,
      attach(client, head) {
        if (client.destroyed) over();
        else client.once('close', over);
        answer.attach(client, head);
      },
    };
  }
  const { body } = answer;
  if (body.pieces()) {
    over();
    return answer;
  }
  const passed = new Flow({
    pause: () => body.pause(),
    resume: () => body.resume(),
    cancel: (reason) => {
      over();
      body.cancel(reason);
    },
  });
  body.to({
    data: (chunk) => passed.push(chunk),
    end: (trailers) => {
      over();
      passed.end(trailers);
    },
    fail: (error) => {
      over();
      passed.fail(error);
    },
  });
  return { ...answer, body: passed };
}
