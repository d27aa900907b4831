/** `agentgateway openapi <file|url>`: the tools that an API description would become, and which of them suit a model badly. */
import { isAbsolute, join } from 'node:path';
import { systemClock } from './core/ports.ts';
import { Scope, SharedPool } from './core/scope.ts';
import { Cancel } from './lib/cancel.ts';
import type { ArgumentStyle } from './openapi/arguments.ts';
import type { ApiDocument } from './openapi/document.ts';
import { reviewAll, reviewTool } from './openapi/review.ts';
import { wantedCredentials } from './openapi/security.ts';
import { type ApiTool, readTools } from './openapi/tools.ts';
import { at, openDocument } from './targets/openapi/document.ts';
import { type DocumentSource, FileSource, UrlSource } from './targets/openapi/source.ts';

export interface OpenapiFlags {
  readonly format: string;
  readonly arguments: string;
  readonly externalReferences?: boolean;
}

const CONNECT_MS = 10_000;

/** Throws GatewayError CONFIG_INVALID for a description that cannot be used. */
export async function describeApi(place: string, flags: OpenapiFlags, cwd: string): Promise<string> {
  const scope = new Scope();
  try {
    const source = scope.own(sourceAt(place, scope, cwd));
    const cancel = new Cancel();
    const bytes = (await source.read(cancel)) ?? Buffer.alloc(0);
    const document = await openDocument(
      bytes.toString('utf8'),
      flags.externalReferences ? source.surroundings?.(cancel) : undefined,
    ).catch((error: unknown) => {
      throw at(source.place, error);
    });
    const style: ArgumentStyle = flags.arguments === 'flat' ? 'flat' : 'grouped';
    const read = readTools(document, { style, selection: {}, outputSchemas: true });
    const report = reportOf(document, read.tools, read.problems);
    return flags.format === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : printed(report);
  } finally {
    await scope.close();
  }
}

function sourceAt(place: string, scope: Scope, cwd: string): DocumentSource {
  if (!/^https?:\/\//i.test(place))
    return new FileSource(isAbsolute(place) ? place : join(cwd, place), { clock: systemClock });
  const pool = new SharedPool();
  const lasting = {
    hold<T extends { close(): void | Promise<void> }>(owner: Scope, key: string, make: () => T): T {
      const { value, release } = pool.acquire(key, make);
      owner.defer(release);
      return value as T;
    },
  };
  return new UrlSource(place, { lasting, scope, connectTimeoutMs: CONNECT_MS });
}

type Report = ReturnType<typeof reportOf>;

function reportOf(
  document: ApiDocument,
  tools: readonly ApiTool[],
  problems: ReturnType<typeof readTools>['problems'],
) {
  const operations = tools.map(({ operation }) => operation);
  return {
    title: document.title,
    version: document.version,
    tools: tools.map((tool) => ({
      method: tool.operation.method,
      path: tool.operation.path,
      warnings: reviewTool(tool),
      ...tool.entry,
    })),
    leftOut: problems,
    warnings: reviewAll(tools),
    credentials: wantedCredentials(document, operations),
  };
}

function printed({ title, version, tools, leftOut, warnings, credentials }: Report): string {
  const width = Math.min(40, Math.max(0, ...tools.map(({ name }) => name.length)));
  const lines = [`${title === '' ? 'API' : title} (${version}): ${count(tools.length, 'tool')}`, ''];
  for (const tool of tools) {
    lines.push(`${tool.name.padEnd(width)}  ${tool.method} ${tool.path}`);
    for (const warning of tool.warnings) lines.push(`  ! ${warning}`);
  }
  if (leftOut.length > 0)
    lines.push('', 'Left out:', ...leftOut.map(({ where, message }) => `  ${where}: ${message}`));
  if (credentials.length > 0) lines.push('', 'Credentials (under policies of the target):');
  for (const { scheme, kind, remedy, operations } of credentials)
    lines.push(`  "${scheme}" (${kind}), ${count(operations, 'operation')}:`, `    ${remedy}`);
  if (warnings.length > 0) lines.push('', ...warnings.map((warning) => `! ${warning}`));
  return `${lines.join('\n')}\n`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
