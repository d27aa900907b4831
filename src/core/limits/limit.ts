/** One limit: a row of the table in ../limits.ts; and the units they are written in. */
import type { ErrorCode } from '../errors.ts';

export interface Limit {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  /** The error of whoever goes beyond; undefined where nobody is refused, `what` then says what happens. */
  readonly error: ErrorCode | undefined;
  readonly what: string;
  /** The configuration key that changes it; one in `config.limits` bears the name of the row. */
  readonly key?: string;
  /** A key of the Rust gateway that says the same. */
  readonly also?: string;
  /** Least and most that it can be set to. */
  readonly range?: readonly [number, number];
}

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
