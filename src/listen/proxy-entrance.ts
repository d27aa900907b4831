/**
 * The beginning of a connection that comes through a load balancer: waits for the PROXY header, notes whose the
 * connection is, and says why one is turned away. Nothing is answered to: the peer is no client.
 */
import type { Socket } from 'node:net';
import type { ProxyProtocolPlan } from '../core/plan.ts';
import { addressed, addressesOf } from './addresses.ts';
import { gather } from './gather.ts';
import { readProxyProtocol } from './proxy-protocol.ts';
import type { Serving } from './serving.ts';

interface ProxyEntrance {
  readonly serving: Serving;
  readonly proxyProtocol: ProxyProtocolPlan;
}

/** A label of the metric. */
type Reason = 'missing' | 'malformed' | 'timeout';

/** `done` runs at most once, with the header taken and everything behind it still to be read. */
export function readProxyHeader(socket: Socket, entrance: ProxyEntrance, done: () => void): void {
  const { limits, ports } = entrance.serving;
  const own = addressesOf(socket);
  const refuse = (reason: Reason, detail: string): void => {
    const fields = { reason, detail, 'src.addr': own.client.address };
    ports.signals.count('proxy_headers_refused_total', { reason });
    ports.log.info(fields, 'connection refused: no PROXY header as it should be');
    socket.destroy();
  };
  // The whole header: a pause alone can be kept short for ever.
  const deadline = ports.clock.after(limits.headersTimeoutMs, () =>
    refuse('timeout', 'the header took too long'),
  );
  socket.once('close', () => deadline.cancel());
  gather(socket, undefined, (bytes) => {
    const reading = readProxyProtocol(bytes, entrance.proxyProtocol.version, limits.proxyHeaderBytes);
    if (reading.kind === 'more') return reading.need;
    deadline.cancel();
    const optional = entrance.proxyProtocol.mode === 'optional';
    if (reading.kind === 'invalid') refuse('malformed', reading.reason);
    else if (reading.kind === 'none' && !optional) refuse('missing', 'the connection begins without one');
    else {
      if (reading.kind === 'header' && reading.addresses) addressed(socket, reading.addresses);
      const rest = bytes.subarray(reading.kind === 'header' ? reading.length : 0);
      if (rest.length > 0) socket.unshift(rest);
      done();
    }
    return 0;
  });
}
