/** Waiting that ends early when nobody waits for what comes after it. */
import type { Cancel } from '../lib/cancel.ts';
import type { Clock } from './ports.ts';

/** Rejects with the reason of `cancel` once that fires. */
export function pause(clock: Clock, ms: number, cancel: Cancel): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = cancel.onCancel((reason) => {
      timer.cancel();
      reject(reason);
    });
  });
}
