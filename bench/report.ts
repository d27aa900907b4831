/** What a run found, as a markdown table for people and as JSON for comparing runs. */
import type { Measurement } from './load.ts';

export interface LegResult {
  readonly leg: string;
  /** One per round. */
  readonly rounds: readonly Measurement[];
  readonly rssMegabytes: number | undefined;
  /** Why there are no numbers. */
  readonly failed?: string;
}

export interface MemoryResult {
  readonly leg: string;
  readonly before: number | undefined;
  readonly opened: number | undefined;
  readonly idle: number | undefined;
  readonly failed?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export interface Summary {
  readonly perSecond: number;
  readonly perCpuSecond: number | undefined;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

export function summarise(rounds: readonly Measurement[]): Summary {
  const perCpu = rates(rounds);
  return {
    perSecond: median(rounds.map(({ requests, seconds }) => requests / seconds)),
    perCpuSecond: perCpu.length > 0 ? median(perCpu) : undefined,
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
  };
}

const whole = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '–' : Math.round(value).toLocaleString('en-US');
const fine = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(2));

type Rounds = readonly Measurement[];

/** What the legs are compared with, and how. */
export interface Comparison {
  readonly heading: string;
  find(results: readonly LegResult[]): LegResult | undefined;
  ratio(rounds: Rounds, reference: Rounds): number;
}

/** Requests for the CPU time that the floor needs for one. */
export const OF_THE_FLOOR: Comparison = {
  heading: 'of the floor',
  find: (results) => results.find(({ leg }) => leg === 'floor'),
  ratio: (rounds, reference) => 1 / costRatio(rounds, reference),
};

/** CPU time of a request, by that of the first leg. */
export const COST: Comparison = { heading: 'cost', find: ([first]) => first, ratio: costRatio };

/**
 * Round by round, because legs take turns: what else the machine does in a round weighs on each of them. The half of the
 * rounds counts in which the two cost least together: a request costs several times as much while others fight for the
 * caches.
 */
function costRatio(rounds: Rounds, reference: Rounds): number {
  const others = rates(reference);
  const pairs = rates(rounds).map((rate, round) => ({ cost: 1 / rate, other: 1 / (others[round] ?? 0) }));
  const quiet = pairs
    .sort((a, b) => a.cost + a.other - b.cost - b.other)
    .slice(0, Math.ceil(pairs.length / 2));
  return median(quiet.map(({ cost, other }) => cost / other));
}

const rates = (rounds: Rounds): number[] =>
  rounds.flatMap(({ requests, cpuSeconds }) => (cpuSeconds ? [requests / cpuSeconds] : []));

export function loadTable(results: readonly LegResult[], { heading, find, ratio }: Comparison): string {
  const reference = find(results);
  const lines = [
    `| leg | requests/s | per CPU-second | ${heading} | p50 ms | p99 ms | RSS MB | errors |`,
    '|---|---:|---:|---:|---:|---:|---:|---:|',
  ];
  for (const { leg, rounds, rssMegabytes, failed } of results) {
    if (failed !== undefined) {
      lines.push(`| ${leg} | ${failed.replaceAll(/[\n|]/g, ' ').slice(0, 200)} ||||||| `);
      continue;
    }
    const { perSecond, perCpuSecond, p50, p99, errors } = summarise(rounds);
    const compared = reference ? ratio(rounds, reference.rounds) : Number.NaN;
    const speed = `${whole(perSecond)} | ${whole(perCpuSecond)} | ${fine(compared)}`;
    lines.push(`| ${leg} | ${speed} | ${fine(p50)} | ${fine(p99)} | ${whole(rssMegabytes)} | ${errors} |`);
  }
  return lines.join('\n');
}

export function memoryTable(results: readonly MemoryResult[], idleSeconds: number): string {
  const lines = [`| leg | before MB | opened MB | after ${idleSeconds} s MB |`, '|---|---:|---:|---:|'];
  for (const { leg, before, opened, idle, failed } of results) {
    const cells = failed ?? `${whole(before)} | ${whole(opened)} | ${whole(idle)}`;
    lines.push(`| ${leg} | ${cells.replaceAll('\n', ' ')} |`);
  }
  return lines.join('\n');
}
