/** `agentgateway explain`: its flags as a question, the answer as text or JSON. */
import type { ReadDocument } from '../config/load.ts';
import type { Plan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import { isObject } from '../lib/json-value.ts';
import { explain } from './explain.ts';
import { printed } from './print.ts';
import { type AskedItem, type Client, type Question, QuestionError, readClient } from './question.ts';
import { shown } from './shown.ts';
import { ruleSpots } from './spots.ts';

export interface ExplainFlags {
  readonly as?: string;
  readonly claims?: string;
  readonly tool?: string;
  readonly prompt?: string;
  readonly resource?: string;
  readonly target?: string;
  readonly args?: string;
  readonly annotations?: string;
  readonly url?: string;
  readonly route?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly format: string;
}

/** Throws QuestionError for flags that make no question. */
export async function runExplain(
  read: ReadDocument,
  flags: ExplainFlags,
  ports: Ports,
): Promise<{ readonly text: string; readonly allowed: boolean }> {
  if (flags.format !== 'text' && flags.format !== 'json')
    throw new QuestionError(`--format: expected text or json, got "${flags.format}"`);
  const explanation = await explain(read.plan, questionOf(flags, read.plan), ports);
  const answer = shown(explanation, ruleSpots(read));
  const text = flags.format === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : printed(answer);
  return { text, allowed: explanation.outcome.kind === 'allowed' };
}

function questionOf(flags: ExplainFlags, plan: Plan): Question {
  const { url, method, route, header = [] } = flags;
  return {
    client: clientOf(flags, plan),
    request: {
      method: method?.toUpperCase(),
      url: url === undefined ? undefined : urlOf(url),
      headers: header.map(headerOf),
    },
    route,
    item: itemOf(flags),
  };
}

function clientOf({ as = 'anonymous', claims }: ExplainFlags, plan: Plan): Client {
  const client = readClient(as, new Set(policyKeys(plan)));
  return claims === undefined ? client : { ...client, claims: objectOf(claims, '--claims') };
}

function* policyKeys({ binds }: Plan): Iterable<string> {
  for (const { listeners } of binds)
    for (const listener of listeners)
      for (const { policies } of [listener, ...listener.routes]) yield* Object.keys(policies);
}

const ITEMS = ['tool', 'prompt', 'resource'] as const;

function itemOf(flags: ExplainFlags): AskedItem | undefined {
  const [kind, second] = ITEMS.filter((item) => flags[item] !== undefined);
  if (second) throw new QuestionError(`give one of --${kind} and --${second}`);
  const { target, args, annotations } = flags;
  if (!kind) {
    const [extra] = ['target', 'args', 'annotations'].filter((flag) => flags[flag as 'target'] !== undefined);
    if (extra !== undefined)
      throw new QuestionError(`--${extra}: give --tool, --prompt or --resource with it`);
    return undefined;
  }
  return {
    kind,
    name: flags[kind] as string,
    target,
    arguments: args === undefined ? undefined : objectOf(args, '--args'),
    annotations: annotations === undefined ? undefined : objectOf(annotations, '--annotations'),
  };
}

/** Does not quote what it could not read: a token may have gone astray. */
function objectOf(text: string, flag: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new QuestionError(`${flag}: expected a JSON object such as '{"name":"value"}'`);
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new QuestionError('--url: expected a URL such as http://localhost:3000/mcp');
  return url;
}

function headerOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(0, colon)).trim();
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
    throw new QuestionError("--header: expected 'name: value'");
  return [name, text.slice(colon + 1).trim()];
}
