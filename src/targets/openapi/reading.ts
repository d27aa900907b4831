/**
 * What a target keeps of an API description: greetings, the bytes of the list of tools, and how each call becomes a
 * request, as plain data that one thread can hand to another.
 */

import type { Cancel } from '../../lib/cancel.ts';
import { isObject } from '../../lib/json-value.ts';
import type { Surroundings } from '../../openapi/bundle.ts';
import type { ApiDocument } from '../../openapi/document.ts';
import type { Problem } from '../../openapi/operations.ts';
import { planOf, type RequestPlan } from '../../openapi/plan.ts';
import { type WantedCredential, wantedCredentials } from '../../openapi/security.ts';
import { readTools, type ToolOptions } from '../../openapi/tools.ts';
import { openDocument } from './document.ts';

export interface Reading {
  readonly title: string;
  readonly version: string;
  readonly instructions: string | undefined;
  /** The result of tools/list. */
  readonly listing: Uint8Array<ArrayBuffer>;
  readonly names: readonly string[];
  /** A `RequestPlan` for each name, as JSON, one behind the other. */
  readonly plans: Uint8Array<ArrayBuffer>;
  /** Where each of them ends. */
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Operations that are left out. */
  readonly problems: readonly Problem[];
  readonly wanted: readonly WantedCredential[];
}

export interface ReadingTask {
  readonly bytes: Uint8Array;
  readonly tools: ToolOptions;
  /** Undefined: references to other files are refused one by one. */
  readonly surroundings: Surroundings | undefined;
}

export interface Turn {
  readonly cancel: Cancel;
  /** Those before it are over: from now on the time it takes is its own. */
  begun?(): void;
}

export interface DocumentReader {
  /** Rejects with a GatewayError; CONFIG_INVALID for a description that cannot be used. */
  read(task: ReadingTask, turn: Turn): Promise<Reading>;
}

export async function readDescription({
  bytes,
  tools: options,
  surroundings,
}: ReadingTask): Promise<Reading> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const document = await openDocument(text, surroundings);
  const { tools, problems } = readTools(document, options);
  const plans = tools.map((tool) => Buffer.from(JSON.stringify(planOf(tool))));
  let end = 0;
  const ends = Uint32Array.from(plans, ({ length }) => {
    end += length;
    return end;
  });
  const operations = tools.map(({ operation }) => operation);
  return {
    ...describedBy(document),
    listing: joined(['{"tools":[', ...tools.map(({ json }, at) => (at === 0 ? json : `,${json}`)), ']}']),
    names: tools.map(({ name }) => name),
    plans: joined(plans),
    ends,
    problems,
    wanted: wantedCredentials(document, operations),
  };
}

export function planAt({ plans, ends }: Pick<Reading, 'plans' | 'ends'>, index: number): RequestPlan {
  const start = index === 0 ? 0 : (ends[index - 1] as number);
  const bytes = Buffer.from(plans.buffer, plans.byteOffset + start, (ends[index] as number) - start);
  return JSON.parse(bytes.toString('utf8')) as RequestPlan;
}

const INSTRUCTIONS_LENGTH = 2000;

function describedBy({ root, title }: ApiDocument): Pick<Reading, 'title' | 'version' | 'instructions'> {
  const info = isObject(root['info']) ? root['info'] : {};
  const { version, description } = info;
  const instructions =
    typeof description === 'string' ? description.trim().slice(0, INSTRUCTIONS_LENGTH) : '';
  return {
    title: title === '' ? 'openapi' : title,
    version: typeof version === 'string' ? version : '0',
    instructions: instructions === '' ? undefined : instructions,
  };
}

/** In memory of its own, so that it can be handed over instead of copied. */
function joined(pieces: readonly (string | Buffer)[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const piece of pieces) size += Buffer.byteLength(piece);
  const whole = Buffer.from(new ArrayBuffer(size));
  let at = 0;
  for (const piece of pieces)
    at += typeof piece === 'string' ? whole.write(piece, at) : piece.copy(whole, at);
  return whole;
}
