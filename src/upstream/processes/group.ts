/** Ends a process group whose leader is gone or about to go: asks, waits, insists. */
import type { SystemProcess } from './system.ts';

/** What SIGKILL does not end hangs in the kernel; nobody waits longer for that. */
const AFTER_KILL_MS = 500;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;

/** SIGTERM, up to `graceMs` of patience, SIGKILL. Resolves when nobody is left or nothing more can be done. */
export async function endGroup(system: SystemProcess, leader: number, graceMs: number): Promise<void> {
  if (!system.signalGroup(leader, 'SIGTERM')) return;
  await stopped(system, leader, graceMs);
  if (system.signalGroup(leader, 'SIGKILL')) await stopped(system, leader, AFTER_KILL_MS);
}

/** No event tells of the end of processes that are not our children: looks again and again until `ms` have passed. */
async function stopped(system: SystemProcess, leader: number, ms: number): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  for (let waited = 0; waited < ms && system.groupRuns(leader); waited += pause) {
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS, ms - waited);
    await new Promise<void>((resolve) => system.after(pause, resolve));
  }
}
