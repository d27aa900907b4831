/** Core's Signals, made of the access log and the metrics. Either may be off. Knows the format of neither. */
import type { Signals } from '../core/signals.ts';
import type { AccessLog } from './access-log.ts';

export interface SignalParts {
  readonly accessLog: AccessLog | undefined;
  readonly metrics: Signals | undefined;
}

export function createSignals({ accessLog, metrics }: SignalParts): Signals {
  return {
    exchangeEnded(record) {
      accessLog?.exchange(record);
      metrics?.exchangeEnded(record);
    },
    callEnded(record) {
      accessLog?.call(record);
      metrics?.callEnded(record);
    },
    connectionEnded(record) {
      accessLog?.connection(record);
      metrics?.connectionEnded(record);
    },
    count: (name, labels) => metrics?.count(name, labels),
    gauge: (gauge) => metrics?.gauge(gauge) ?? (() => {}),
  };
}
