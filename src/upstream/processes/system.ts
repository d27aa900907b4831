/**
 * The operating system as the process code sees it: the only file under upstream/ that reaches for `process`. What a
 * platform cannot tell is answered with undefined, and then nothing is killed on a guess.
 */
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import process from 'node:process';
import type { Timer } from '../../core/ports.ts';

/** Carried by every child that inherits the environment, and by its descendants; the value is the record's id. */
export const MARKER = 'AGENTGATEWAY_CHILD';

export type GroupSignal = 'SIGTERM' | 'SIGKILL';

export interface SystemProcess {
  readonly platform: NodeJS.Platform;
  readonly pid: number;
  /** Numeric user id; undefined on Windows. */
  readonly uid: number | undefined;
  readonly tmpdir: string;
  /** Names the pid space: a pid of another boot or container means nothing here. */
  readonly space: string;
  /** Unlike Clock.after it keeps the process alive: an exit must not overtake the last signal to a group. */
  after(ms: number, run: () => void): Timer;
  /** Signals the group led by `leader`; false when nobody is left in it. */
  signalGroup(leader: number, signal: GroupSignal): boolean;
  /** Whether a process of the group still runs; zombies that their init has not collected yet do not count. */
  groupRuns(leader: number): boolean;
  /** An opaque text that two processes with the same pid never share; undefined when there is no such process. */
  startTime(pid: number): Promise<string | undefined>;
  /** Whether a process of the group `leader` carries MARKER with this id. */
  groupCarries(leader: number, id: string): boolean;
}

export const systemProcess: SystemProcess = {
  platform: process.platform,
  pid: process.pid,
  uid: process.getuid?.(),
  tmpdir: tmpdir(),
  space: process.platform === 'linux' ? linuxSpace() : process.platform,
  after(ms, run) {
    const handle = setTimeout(run, ms);
    return { cancel: () => clearTimeout(handle) };
  },
  signalGroup: process.platform === 'win32' ? endTree : signalGroup,
  groupRuns: (leader) =>
    signalGroup(leader, 0) && (process.platform !== 'linux' || linuxGroup(leader).length > 0),
  startTime: process.platform === 'linux' ? linuxStartTime : psStartTime,
  groupCarries: (leader, id) => process.platform === 'linux' && linuxGroupCarries(leader, id),
};

function signalGroup(leader: number, signal: GroupSignal | 0): boolean {
  // kill(-1) would reach every process of this user, kill(-0) our own group.
  if (!Number.isSafeInteger(leader) || leader <= 1) throw new RangeError(`not a process group: ${leader}`);
  try {
    process.kill(process.platform === 'win32' ? leader : -leader, signal);
    return true;
  } catch {
    // ESRCH: nobody. EPERM: macOS says so of a group of zombies, others of processes that are not ours to end.
    return false;
  }
}

/** taskkill walks the tree by parent pids, so it must run while the leader lives; without /F console programs ignore it. */
function endTree(leader: number): boolean {
  if (!signalGroup(leader, 0)) return false;
  spawn('taskkill', ['/pid', String(leader), '/T', '/F'], { stdio: 'ignore', windowsHide: true }).on(
    'error',
    () => {
      signalGroup(leader, 'SIGKILL');
    },
  );
  return true;
}

function linuxSpace(): string {
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim();
  let namespace: string | undefined;
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // A hardened /proc: the boot id alone is still better than nothing.
  }
  return `linux ${boot} ${namespace}`;
}

/** Field 22 of /proc/<pid>/stat, in ticks since boot: set by fork, kept by exec. */
async function linuxStartTime(pid: number): Promise<string | undefined> {
  const fields = linuxStat(pid);
  // A zombie has ended; what is left of it is its parent's business.
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

/** The fields of /proc/<pid>/stat from the third (state) on; the second, the name, may itself hold blanks and brackets. */
function linuxStat(pid: number | string): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** The running processes of a group. One pass over /proc: about 10 us per process of the machine. */
function linuxGroup(leader: number): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d/.test(name)) return false;
    const [state, , group] = linuxStat(name) ?? [];
    return group === String(leader) && state !== 'Z' && state !== 'X';
  });
}

function linuxGroupCarries(leader: number, id: string): boolean {
  const entry = `${MARKER}=${id}`;
  return linuxGroup(leader).some((pid) => readText(`/proc/${pid}/environ`)?.split('\0').includes(entry));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Windows answers undefined: there libuv puts children into a job that the system ends together with the gateway, and
 * asking for a start time would cost a PowerShell per child.
 */
function psStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === 'win32') return Promise.resolve(undefined);
  // TZ and LC_ALL are pinned: the text is compared with one written by another run, perhaps in another season.
  const options = { env: { PATH: '/bin:/usr/bin', TZ: 'UTC', LC_ALL: 'C' } };
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'lstart=', '-p', String(pid)], options, (error, stdout) => {
      resolve(error ? undefined : stdout.trim() || undefined);
    });
  });
}
