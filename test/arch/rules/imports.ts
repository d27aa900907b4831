/** Who may import whom (ARCHITECTURE.md, "Rooms"), no cycles, and which packages the product may use. */
import type { Import, Source, Violation } from '../source.ts';

const FOUNDATION = ['lib', 'core', 'version'];
const KNOWLEDGE = ['expr', 'auth', 'stores', 'observe', 'upstream', 'openapi', 'a2a', 'llm'];
const PROTOCOL = ['mcp', 'agents'];
const FEATURES = ['policies', 'backends', 'targets'];
const EDGE = ['config', 'route', 'listen'];
const ASSEMBLY = ['generation', 'sources', 'admin'];
const TOP = ['gateway', 'standard'];
/** The process: the command line, its modes and screens, and what is published. */
const LAST = [
  'index',
  'embed',
  'main',
  'run',
  'stdio',
  'start-screen',
  'testing',
  'explain',
  'openapi-command',
];

const BELOW_FEATURES = [...FOUNDATION, ...KNOWLEDGE, ...PROTOCOL];
const BELOW_ASSEMBLY = [...BELOW_FEATURES, ...FEATURES, ...EDGE];
const BELOW_TOP = [...BELOW_ASSEMBLY, ...ASSEMBLY];

/** Room to the rooms it may import, itself aside. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  version: [],
  core: ['lib'],
  ...each(KNOWLEDGE, FOUNDATION),
  ...each(PROTOCOL, [...FOUNDATION, ...KNOWLEDGE]),
  ...each(FEATURES, BELOW_FEATURES),
  ...each(EDGE, FOUNDATION),
  ...each(ASSEMBLY, BELOW_ASSEMBLY),
  ...each(TOP, [...BELOW_TOP, ...TOP]),
  ...each(LAST, [...BELOW_TOP, ...TOP, ...LAST]),
};

export function rooms(sources: readonly Source[]): Violation[] {
  return eachImport(sources, (source, imported) => {
    const from = roomOf(source.path);
    const allowed = ALLOWED[from];
    if (!allowed) return `${from}/ is not a room`;
    if (imported.file === undefined) return undefined;
    if (!imported.file.startsWith('src/')) return `imports ${imported.specifier}, which is outside src/`;
    const to = roomOf(imported.file);
    return to === from || allowed.includes(to)
      ? undefined
      : `${from} may not import ${to} (${imported.specifier})`;
  });
}

/** policies/cors and policies/jwt know nothing of each other; what they share lies in a room below. */
export function siblings(sources: readonly Source[]): Violation[] {
  return eachImport(sources, (source, imported) => {
    if (
      !imported.file ||
      !FEATURES.includes(roomOf(source.path)) ||
      roomOf(imported.file) !== roomOf(source.path)
    )
      return undefined;
    const mine = featureOf(source.path);
    const theirs = featureOf(imported.file);
    return mine === theirs ? undefined : `${mine} imports its sibling ${theirs}`;
  });
}

/** Types count too: a cycle of types is a cycle for whoever reads the code. */
export function cycles(sources: readonly Source[]): Violation[] {
  const graph = new Map(
    sources.map((source) => [source.path, source.imports.flatMap(({ file }) => file ?? [])]),
  );
  const state = new Map<string, 'open' | 'done'>();
  const found: Violation[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      found.push({ file, detail: [...trail.slice(trail.indexOf(file)), file].join(' -> ') });
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

/** A development dependency works in a checkout and is missing for whoever installs the package. */
export function packages(sources: readonly Source[], dependencies: readonly string[]): Violation[] {
  return eachImport(sources, (source, { specifier, file, typeOnly }) => {
    if (source.isTest || typeOnly || file !== undefined) return undefined;
    if (specifier.startsWith('node:')) return undefined;
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return dependencies.includes(name) ? undefined : `${name} is not among the dependencies of package.json`;
  });
}

function eachImport(
  sources: readonly Source[],
  judge: (source: Source, imported: Import) => string | undefined,
): Violation[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((imported) => {
      if (source.isTest && /^(?:test|src\/testing)\//.test(imported.file ?? '')) return [];
      const problem = judge(source, imported);
      return problem === undefined
        ? []
        : [{ file: source.path, detail: `line ${imported.line}: ${problem}` }];
    }),
  );
}

/** `src/mcp/view/naming.ts` is in `mcp`, `src/gateway.ts` and `src/gateway.test.ts` are `gateway`. */
function roomOf(path: string): string {
  const first = path.split('/')[1] ?? '';
  return first.replace(/(?:\.test)?\.ts$/, '');
}

function featureOf(path: string): string {
  return path.split('/').slice(1, 3).join('/');
}

function each(from: readonly string[], allowed: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(from.map((room) => [room, allowed]));
}
