/** What steps back are made of: which texts they look at, and how `_meta` and capabilities are taken apart. */
import type { Era } from '../../src/mcp/revisions.ts';
import type { Context } from './difference.ts';
import { compact, member, replaced, without } from './members.ts';
import type { Mismatch } from './outcome.ts';

export type Step = (mismatch: Mismatch, context: Context) => Mismatch;

/** A step for labels that begin so, where both sides have said something. */
export function onTexts(
  label: string,
  step: (texts: { direct: string; through: string }, context: Context) => Partial<Mismatch>,
): Step {
  return (mismatch, context) => {
    const { direct, through } = mismatch;
    if (!mismatch.label.startsWith(label) || direct === undefined || through === undefined) return mismatch;
    return { ...mismatch, ...step({ direct, through }, context) };
  };
}

/** A difference that is right as a whole, or not at all. */
export function when(label: string, isMeant: (mismatch: Mismatch, context: Context) => boolean): Step {
  return (mismatch, context) =>
    mismatch.label.startsWith(label) && isMeant(mismatch, context)
      ? { ...mismatch, through: mismatch.direct }
      : mismatch;
}

export function metaMember(object: string, name: string): string | undefined {
  return member(member(object, '_meta') ?? '{}', name);
}

export function inMeta(object: string, change: (meta: string) => string): string {
  const meta = member(object, '_meta');
  return meta === undefined ? object : replaced(object, '_meta', change(meta));
}

export const metaIsEmpty = (object: string): boolean => compact(member(object, '_meta') ?? '') === '{}';

const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** Capabilities without the tasks of an era. */
export function withoutTasks(capabilities: string, era: Era): string {
  if (era === 'legacy') return without(capabilities, 'tasks');
  const extensions = member(capabilities, 'extensions') ?? '{}';
  return replaced(capabilities, 'extensions', without(extensions, TASKS_EXTENSION));
}

export const REVISION = { legacy: '2025-11-25', modern: '2026-07-28' } as const;

export const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8');

export const GATEWAY = /^\{"name":"agentgateway","version":"\d+\.\d+\.\d+"\}$/;
