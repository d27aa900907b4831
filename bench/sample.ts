/** What the operating system says about a process, and on which cores things run. Linux only; elsewhere: unknown. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time in seconds. */
export function cpuSeconds(pid: number): number | undefined {
  return cpuOfThreads(pid) ?? cpuInTicks(pid);
}

/** In nanoseconds, where the kernel tells: rounds of a quarter of a second are few ticks. Threads stay as long as their process. */
function cpuOfThreads(pid: number): number | undefined {
  let total = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return undefined;
  }
  return total > 0 ? total / 1e9 : undefined;
}

function cpuInTicks(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may contain spaces; what follows it is fixed.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : undefined;
}

export const rssMegabytes = (pid: number): number | undefined => megabytes(pid, /VmRSS:\s+(\d+)/);

/** The most it has had. */
export const peakMegabytes = (pid: number): number | undefined => megabytes(pid, /VmHWM:\s+(\d+)/);

function megabytes(pid: number, line: RegExp): number | undefined {
  const kilobytes = line.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

const cores = availableParallelism();
const taskset = cores > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The last core belongs to what is measured. */
export const measuredCore: readonly string[] = taskset ? ['taskset', '-c', String(cores - 1)] : [];

/** Load generator and upstreams share the others. */
export const otherCores: readonly string[] = taskset
  ? ['taskset', '-c', cores > 2 ? `0-${cores - 2}` : '0']
  : [];

/** Moves this process, and what it starts without a core of its own, off the measured core. */
export function leaveMeasuredCore(): void {
  if (!taskset) return;
  spawnSync('taskset', ['-a', '-p', '-c', cores > 2 ? `0-${cores - 2}` : '0', String(process.pid)]);
}

/** For a process that something else has started. */
export function toMeasuredCore(pid: number): void {
  if (taskset) spawnSync('taskset', ['-a', '-p', '-c', String(cores - 1), String(pid)]);
}

export function machine(): string {
  const model = /model name\s*:\s*(.+)/.exec(read('/proc/cpuinfo') ?? '')?.[1] ?? process.arch;
  const pinned = taskset ? 'pinned' : 'not pinned (no taskset)';
  return `Node ${process.versions.node}, ${process.platform}, ${cores} cores (${model.trim()}), ${pinned}`;
}
