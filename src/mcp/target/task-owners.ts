/**
 * Whose the tasks of a target are. Where one link serves everyone, or one credential of the gateway, the server cannot
 * tell its clients apart: whoever knew the id of another client's task could read its result, and cancel it.
 */
import { LIMITS } from '../../core/limits.ts';
import { isObject } from '../../lib/json-value.ts';
import { TASKS_EXTENSION } from '../bridge/tasks.ts';
import type { ServerInfo } from '../link/opened.ts';

export class TaskOwners {
  readonly #owners = new Map<string, string>();
  /** Tasks end with the link that all clients share, so one that nobody is known to have begun is not there. */
  readonly #complete: boolean;

  constructor({ complete }: { complete: boolean }) {
    this.#complete = complete;
  }

  /** The task that was begun longest ago is forgotten when there are too many. */
  begun(id: string, owner: string): void {
    this.#owners.delete(id);
    this.#owners.set(id, owner);
    const [oldest] = this.#owners.keys();
    if (this.#owners.size > LIMITS.taskOwners.value && oldest !== undefined) this.#owners.delete(oldest);
  }

  /** `owner`: the principal; empty for all anonymous clients, who are one. */
  mayUse(id: string, owner: string): boolean {
    const known = this.#owners.get(id);
    return known === undefined ? !this.#complete : known === owner;
  }
}

/** Whether calls of this server may become tasks. */
export function hasTasks({ capabilities }: ServerInfo): boolean {
  const { tasks, extensions } = capabilities;
  return tasks !== undefined || (isObject(extensions) && extensions[TASKS_EXTENSION] !== undefined);
}
