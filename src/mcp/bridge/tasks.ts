/**
 * The two kinds of tasks: a part of revision 2025-11-25, and an extension of the newer one with other messages under
 * some of the same names. Nothing joins them, so each is spoken only where client and server are of its era.
 */
import { members, splice, without } from '../../lib/json-text.ts';
import type { Era } from '../revisions.ts';

/** The newer kind, as capabilities name it. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** Capabilities, a JSON object, without the tasks of this era. The very same buffer when it says nothing of them. */
export function withoutTasks(capabilities: Buffer, era: Era): Buffer {
  if (!capabilities.includes('tasks"')) return capabilities;
  const all = members(capabilities);
  const extensions = all.find(({ name }) => name === 'extensions');
  const gone =
    era === 'legacy'
      ? all.filter(({ name }) => name === 'tasks')
      : members(capabilities, extensions ?? NOWHERE).filter(({ name }) => name === TASKS_EXTENSION);
  return gone.length === 0 ? capabilities : splice(capabilities, without(capabilities, gone));
}

const NOWHERE = { start: 0, end: 0 };
