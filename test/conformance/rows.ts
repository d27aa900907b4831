/**
 * The rows of the matrix: which client meets which server, by which suite, and over which transports to the server.
 * Must not know how a leg is run or judged.
 */
import type { Eras } from '../fixtures/everything-server/server.ts';

export type Era = 'legacy' | 'modern';

/** Straight to the server, or through the gateway that reaches it over this transport. */
export type Way = 'direct' | 'http' | 'stdio' | 'sse';

interface Base {
  /** What `--suite` takes; also the first half of the names in expected.ts. */
  readonly name: string;
  readonly client: Era;
  readonly server: Era;
  /** Without `direct`, which every row has. */
  readonly through: readonly Exclude<Way, 'direct'>[];
}

/** The suite is the client; our fixture is the server. */
export interface ServerRow extends Base {
  readonly kind: 'server';
  /** Of the suite. */
  readonly version: string;
  readonly args: readonly string[];
  /** Run one by one, because no suite has them; absent: what `args` say. */
  readonly scenarios?: readonly string[];
  /** What the server behind the gateway speaks; one that is asked directly speaks both. */
  readonly eras: Eras;
  /** Scored by the scenarios this revision requires, as the suite itself does; absent: by checks. */
  readonly requirements?: string;
}

/** The suite is the server; our client program is what it starts. */
export interface ClientRow extends Base {
  readonly kind: 'client';
  readonly version: string;
  readonly revision: string;
  /** Only what this revision requires, and where people log in it is to the gateway; absent: all, to the client. */
  readonly requirements?: string;
}

export type Row = ServerRow | ClientRow;

const CURRENT = '0.2.0-alpha.12';
const STABLE = '0.1.16';
const LEGACY = '2025-11-25';
const MODERN = '2026-07-28';

const all = (revision: string) => ({
  kind: 'server' as const,
  version: CURRENT,
  args: ['--suite', 'all', '--spec-version', revision],
  eras: 'both' as const,
});
const required = (revision: string) => ({
  kind: 'server' as const,
  version: CURRENT,
  args: ['--requirements', revision],
  requirements: revision,
});

/** Of extensions, which no revision requires and no suite of the program contains. */
const extensionScenarios = [
  ...[
    'lifecycle',
    'capability-negotiation',
    'wire-fields',
    'request-state-removal',
    'mrtr-input',
    'request-headers',
    'dispatch-and-envelope',
    'required-task-error',
    'mrtr-composition',
  ].map((name) => `tasks-${name}`),
  ...['directory', 'enumeration', 'manifest'].map((name) => `sep-2640-skills-${name}`),
];

const legacy = { client: 'legacy', server: 'legacy' } as const;
const modern = { client: 'modern', server: 'modern' } as const;

export const rows: readonly Row[] = [
  { name: LEGACY, ...legacy, ...all(LEGACY), through: ['http', 'stdio', 'sse'] },
  {
    name: 'stable',
    ...legacy,
    ...all(LEGACY),
    version: STABLE,
    args: ['--suite', 'all'],
    through: ['http', 'stdio', 'sse'],
  },
  {
    name: `required-${LEGACY}`,
    ...legacy,
    ...required(LEGACY),
    eras: 'both',
    through: ['http'],
  },
  { name: MODERN, ...modern, ...all(MODERN), through: ['http', 'stdio'] },
  { name: `required-${MODERN}`, ...modern, ...required(MODERN), eras: 'both', through: ['http'] },
  {
    name: 'extensions',
    ...modern,
    kind: 'server',
    version: CURRENT,
    args: ['--force', '--spec-version', MODERN],
    scenarios: extensionScenarios,
    eras: 'both',
    through: ['http', 'stdio'],
  },
  {
    name: 'modern-to-legacy',
    client: 'modern',
    server: 'legacy',
    ...required(MODERN),
    eras: 'legacy',
    through: ['http', 'stdio', 'sse'],
  },
  {
    name: 'legacy-to-modern',
    client: 'legacy',
    server: 'modern',
    ...required(LEGACY),
    eras: 'modern',
    through: ['http', 'stdio'],
  },
  {
    name: `clients-${LEGACY}`,
    ...legacy,
    kind: 'client',
    version: CURRENT,
    revision: LEGACY,
    through: ['http'],
  },
  {
    name: `clients-${MODERN}`,
    ...modern,
    kind: 'client',
    version: CURRENT,
    revision: MODERN,
    through: ['http'],
  },
  ...[
    { ...legacy, revision: LEGACY },
    { ...modern, revision: MODERN },
  ].map(
    ({ revision, ...eras }): ClientRow => ({
      name: `required-clients-${revision}`,
      ...eras,
      kind: 'client',
      version: CURRENT,
      revision,
      requirements: revision,
      through: ['http'],
    }),
  ),
];

export const legName = (row: Row, way: Way): string => `${row.name} ${way === 'direct' ? way : `via ${way}`}`;

/** Rows with the same one share their direct leg: the fixture asked without a gateway speaks both eras. */
export const directName = (row: Row): string =>
  legName(rows.find((other) => suiteOf(other) === suiteOf(row)) ?? row, 'direct');

const suiteOf = (row: Row): string =>
  [row.kind, row.version, ...(row.kind === 'server' ? row.args : [row.revision, row.requirements])].join(' ');
