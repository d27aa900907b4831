/** Names of tools: what the document calls an operation, or one made of its method and path; each of them once. */
import { createHash } from 'node:crypto';
import type { Operation } from './operations.ts';

type Named = Pick<Operation, 'id' | 'method' | 'path'>;

/** What clients and providers of models take. */
const LONGEST = 64;
/** Nothing behind this is looked at, except for its hash: a document may have names of megabytes. */
const READ = 500;

/** In the order of `operations`; the same for the same document. */
export function toolNames(operations: readonly Named[]): string[] {
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  return operations.map((operation) => {
    const wanted = nameOf(operation);
    let name = wanted;
    while (taken.has(name)) {
      const count = (counts.get(wanted) ?? 1) + 1;
      counts.set(wanted, count);
      name = shortened(`${wanted}_${count}`);
    }
    taken.add(name);
    return name;
  });
}

function nameOf({ id, method, path }: Named): string {
  const written = id === undefined ? '' : cleaned(id.slice(0, READ));
  if (written !== '') return shortened(written, id);
  return shortened(fromPath(method, path.slice(0, READ)), path);
}

/** `GET /users/{id}/posts` is `get_users_by_id_posts`. */
function fromPath(method: string, path: string): string {
  const words = path.split('/').flatMap((segment) => {
    const readable = segment.replace(/\{([^{}]+)\}/g, (_, name: string) => `_by_${name}_`);
    const word = cleaned(readable.replaceAll('.', '_'));
    return word === '' ? [] : [word];
  });
  return [method.toLowerCase(), ...(words.length > 0 ? words : ['root'])].join('_');
}

function cleaned(text: string): string {
  return text
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/_{2,}/g, '_')
    .replace(/^[_.-]+|[_.-]+$/g, '');
}

/** A readable head and a hash of the whole, so that two long names differ and each stays what it is. */
function shortened(name: string, whole = name): string {
  if (name.length <= LONGEST && whole.length <= READ) return name;
  const mark = `_${createHash('sha256').update(whole).digest('hex').slice(0, 8)}`;
  return name.slice(0, LONGEST - mark.length).replace(/[_.-]+$/, '') + mark;
}
