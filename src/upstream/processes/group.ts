/** Ends a process group whose leader is gone or about to go: asks, waits, insists. */
import type { SystemProcess } from './system.ts';

/** After SIGKILL only zombies can be left (a gateway that is pid 1 without an init); nobody waits for those. */
const AFTER_KILL_MS = 500;

/** SIGTERM, up to `graceMs` of patience, SIGKILL. Resolves when nobody is left or nothing more can be done. */
export async function endGroup(system: SystemProcess, leader: number, graceMs: number): Promise<void> {
  if (!system.signalGroup(leader, 'SIGTERM')) return;
  if (await emptied(system, leader, graceMs)) return;
  system.signalGroup(leader, 'SIGKILL');
  await emptied(system, leader, AFTER_KILL_MS);
}

/** No event tells of the end of processes that are not our children, so it is polled: 5 ms at first, 100 ms later. */
async function emptied(system: SystemProcess, leader: number, ms: number): Promise<boolean> {
  let pause = 5;
  for (let waited = 0; waited < ms; waited += pause, pause = Math.min(pause * 2, 100)) {
    if (!system.groupExists(leader)) return true;
    await new Promise<void>((resolve) => system.after(pause, resolve));
  }
  return !system.groupExists(leader);
}
