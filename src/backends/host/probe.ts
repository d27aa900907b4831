/** Asks the upstream of a `host` backend whether it is well: each time over a new connection, as a new client would. */
import { LIMITS } from '../../core/limits.ts';
import type { Probe } from '../../core/probe.ts';
import { held } from '../../core/reply-body.ts';
import type { HttpUpstream } from '../../upstream/http.ts';

/** `place`: for messages. */
export function probeOf(upstream: HttpUpstream, place: string): Probe {
  return {
    key: upstream.name,
    place,
    reach: (cancel) => upstream.reach(cancel),
    async ask(question, cancel) {
      const { status, headers, body } = await upstream.request({ ...question, cancel, alone: true });
      // Read to its end, because servers complain of clients that leave; how it ends says nothing about the head.
      const whole = await held(body, LIMITS.checkAnswer.value).catch(() => undefined);
      if (!whole?.more) return { status, headers, trailers: whole?.trailers, body: whole?.bytes };
      whole.more.cancel(new Error('enough has been read'));
      return { status, headers, trailers: undefined, body: undefined };
    },
  };
}
