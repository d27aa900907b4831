/**
 * Which children this gateway has, on disk, so that the next start can end those that a killed gateway left behind,
 * and nothing else: a process is only ever signalled when pid and start time both match a record whose owner, by pid
 * and start time, no longer lives. Several gateways share the folder.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Ports } from '../../core/ports.ts';
import { endGroup } from './group.ts';
import type { SystemProcess } from './system.ts';

interface Identity {
  readonly pid: number;
  readonly started: string;
}

interface ChildRecord {
  /** Value of MARKER in the child's environment. */
  readonly id: string;
  readonly space: string;
  readonly owner: Identity;
  readonly child: Identity;
  /** For people who look into the folder; without arguments, which may hold secrets. */
  readonly command: string;
}

/** Files of other pid spaces (a container that shares or shared the folder) and broken ones are kept this long. */
const FOREIGN_MS = 7 * 24 * 3600 * 1000;

export interface RecordsOptions {
  readonly ports: Ports;
  readonly system: SystemProcess;
  readonly folder: string;
  readonly graceMs: number;
}

export class ChildRecords {
  readonly #options: RecordsOptions;
  readonly #owner: Promise<string | undefined>;
  #reported: string | undefined;

  constructor(options: RecordsOptions) {
    this.#options = options;
    this.#owner = options.system.startTime(options.system.pid);
  }

  newId(): string {
    return this.#options.ports.random(8).toString('hex');
  }

  /** Notes a child that has just been spawned. Never throws: a child without a record is still served. */
  async write(child: { id: string; pid: number; command: string }): Promise<void> {
    const { system, ports, folder } = this.#options;
    const [owner, started] = await Promise.all([this.#owner, system.startTime(child.pid)]);
    if (owner === undefined || started === undefined || !this.#ready()) return;
    const record: ChildRecord = {
      id: child.id,
      space: system.space,
      owner: { pid: system.pid, started: owner },
      child: { pid: child.pid, started },
      command: child.command,
    };
    const file = join(folder, `${child.id}.json`);
    try {
      // Renamed into place: another gateway may be reading the folder, and a kill may come at any time.
      writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    } catch (error) {
      ports.log.warn({ error, file }, 'cannot record a child process');
    }
  }

  remove(id: string): void {
    this.#unlink(join(this.#options.folder, `${id}.json`));
  }

  /** Ends what gateways that no longer live left behind. Resolves with the number of orphaned children ended. */
  async reap(): Promise<number> {
    if (!this.#ready()) return 0;
    let files: string[];
    try {
      files = readdirSync(this.#options.folder);
    } catch {
      return 0;
    }
    const ended = await Promise.all(files.map((file) => this.#reapOne(join(this.#options.folder, file))));
    return ended.filter(Boolean).length;
  }

  async #reapOne(file: string): Promise<boolean> {
    const { system, ports, graceMs } = this.#options;
    const record = readRecord(file);
    if (record === undefined || record.space !== system.space) {
      if (this.#isOld(file)) this.#unlink(file);
      return false;
    }
    if ((await system.startTime(record.owner.pid)) === record.owner.started) return false;
    const orphaned = await this.#isOrphan(record);
    if (orphaned) {
      ports.log.warn(
        { pid: record.child.pid, command: record.command },
        'ending a child that a killed gateway left',
      );
      await endGroup(system, record.child.pid, graceMs);
    }
    this.#unlink(file);
    return orphaned;
  }

  async #isOrphan({ child, id }: ChildRecord): Promise<boolean> {
    const { system } = this.#options;
    const started = await system.startTime(child.pid);
    if (started !== undefined) return started === child.started;
    // The child ended with its owner, but its descendants may not have: a group outlives its leader. Its number alone
    // proves nothing, the marker they inherited does.
    return system.groupCarries(child.pid, id);
  }

  /**
   * In a shared temporary folder somebody else may have made ours first, to have us kill processes of their choice:
   * it must be ours, and nobody else may write to it or replace it. Looked at every time: cleaners of temporary
   * folders remove it under a gateway that runs for weeks.
   */
  #ready(): boolean {
    const { folder, system, ports } = this.#options;
    let fault: string | undefined;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      fault = system.uid === undefined ? undefined : folderFault(folder, system.uid);
    } catch (error) {
      fault = `cannot be made (${(error as Error).message})`;
    }
    if (fault !== undefined && fault !== this.#reported) {
      ports.log.warn({ folder }, `child processes are not recorded: the folder ${fault}`);
    }
    this.#reported = fault;
    return fault === undefined;
  }

  #isOld(file: string): boolean {
    const found = statSync(file, { throwIfNoEntry: false });
    return found !== undefined && this.#options.ports.clock.now() - found.mtimeMs > FOREIGN_MS;
  }

  #unlink(file: string): void {
    try {
      rmSync(file, { force: true });
    } catch (error) {
      this.#options.ports.log.warn({ error, file }, 'cannot remove the record of a child process');
    }
  }
}

function folderFault(folder: string, uid: number): string | undefined {
  const own = lstatSync(folder);
  if (!own.isDirectory()) return 'is not a folder';
  if (own.uid !== uid) return 'belongs to another user';
  if (own.mode & 0o022) return 'is writable by other users';
  const parent = statSync(dirname(folder));
  if (parent.uid !== uid && parent.uid !== 0) return 'lies in a folder of another user';
  if (parent.mode & 0o022 && !(parent.mode & 0o1000)) return 'lies in a folder that other users can write to';
  return undefined;
}

function readRecord(file: string): ChildRecord | undefined {
  if (!file.endsWith('.json')) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is ChildRecord {
  const record = value as Partial<ChildRecord> | null;
  if (typeof record !== 'object' || record === null) return false;
  const texts = [record.id, record.space, record.command];
  return (
    texts.every((text) => typeof text === 'string') && isIdentity(record.owner) && isIdentity(record.child)
  );
}

function isIdentity(value: Identity | undefined): boolean {
  return Number.isSafeInteger(value?.pid) && (value?.pid ?? 0) > 0 && typeof value?.started === 'string';
}
