/** A closed loop: each lane sends its next request when the answer to the last one is complete. */

import type { Lane } from './lanes.ts';
import { cpuSeconds } from './sample.ts';

const PATIENCE_SECONDS = 20;

export interface Measurement {
  readonly requests: number;
  readonly seconds: number;
  /** Of the measured process; undefined where the system does not tell. */
  readonly cpuSeconds: number | undefined;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  readonly firstError: string | undefined;
}

export async function measure(
  lanes: readonly Lane[],
  seconds: number,
  pid: number | undefined,
): Promise<Measurement> {
  const latencies: number[] = [];
  let errors = 0;
  let firstError: string | undefined;
  const before = pid === undefined ? undefined : cpuSeconds(pid);
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  const wrong = (problem: string): void => {
    errors++;
    firstError ??= problem;
  };
  await Promise.all(
    lanes.map(
      (lane) =>
        new Promise<void>((resolve) => {
          const giveUp = setTimeout(
            () => {
              wrong(`no answer ${PATIENCE_SECONDS} s after the end`);
              resolve();
            },
            (seconds + PATIENCE_SECONDS) * 1_000,
          );
          const finish = (): void => {
            clearTimeout(giveUp);
            resolve();
          };
          const next = (): void => {
            const sent = performance.now();
            if (sent >= end) return finish();
            lane.call((problem) => {
              if (problem === undefined) {
                latencies.push(performance.now() - sent);
                return next();
              }
              // A lane that failed is not trusted with another request.
              wrong(problem);
              return finish();
            });
          };
          next();
        }),
    ),
  );
  const elapsed = (performance.now() - begun) / 1_000;
  const after = pid === undefined ? undefined : cpuSeconds(pid);
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds: elapsed,
    cpuSeconds: before === undefined || after === undefined ? undefined : after - before,
    p50: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
    errors,
    firstError,
  };
}
