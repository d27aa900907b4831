/**
 * Counters and histograms in plain Maps, for the end of every request and call: 0.15 us an event, against 2.6 us for
 * an OpenTelemetry counter plus histogram with five attributes (Node 20.20, sdk-metrics 2.12; a proxied call on the
 * floor costs 44). metrics.ts hands the state to OpenTelemetry's exporter when somebody looks.
 *
 * Label sets are bounded: clients choose tool names, and each new one would stay for ever.
 */
export type LabelValues = readonly string[];

export interface Cell {
  readonly values: LabelValues;
  count: number;
  /** Histograms only. */
  sum: number;
  readonly buckets: Float64Array;
}

export interface SeriesOptions {
  readonly labels: readonly string[];
  /** Upper bounds of the buckets, rising; none for a counter. */
  readonly bounds?: readonly number[];
  /** The label that clients can fill; past the limit it becomes `_other`. */
  readonly open?: string;
  readonly limit?: number;
}

export const OTHER = '_other';
const LIMIT = 2000;
const NO_BOUNDS: readonly number[] = [];

export class Series {
  readonly labels: readonly string[];
  readonly bounds: readonly number[];
  readonly #cells = new Map<string, Cell>();
  readonly #open: number;
  readonly #limit: number;
  /** Events come in runs: a look costs less than a key. */
  #last: Cell | undefined;

  constructor(options: SeriesOptions) {
    this.labels = options.labels;
    this.bounds = options.bounds ?? NO_BOUNDS;
    this.#open = options.open === undefined ? -1 : options.labels.indexOf(options.open);
    this.#limit = options.limit ?? LIMIT;
  }

  /** `values` in the order of `labels`. */
  add(values: LabelValues, amount = 1): void {
    this.#cell(values).count += amount;
  }

  observe(values: LabelValues, value: number): void {
    const cell = this.#cell(values);
    cell.count += 1;
    cell.sum += value;
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1;
    cell.buckets[bucket] = (cell.buckets[bucket] as number) + 1;
  }

  cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  get size(): number {
    return this.#cells.size;
  }

  #cell(values: LabelValues): Cell {
    if (!this.#last || !same(this.#last.values, values)) this.#last = this.#find(values);
    return this.#last;
  }

  #find(values: LabelValues): Cell {
    const found = this.#cells.get(values.join('\0'));
    if (found) return found;
    if (this.#cells.size < this.#limit) return this.#make(values);
    // First give up the open label alone, so that method, server and outcome still tell something.
    const kept = this.#open < 0 ? undefined : values.with(this.#open, OTHER);
    if (kept) {
      const other = this.#cells.get(kept.join('\0'));
      if (other) return other;
      if (this.#cells.size < this.#limit * 2) return this.#make(kept);
    }
    const nothing = values.map(() => OTHER);
    return this.#cells.get(nothing.join('\0')) ?? this.#make(nothing);
  }

  #make(values: LabelValues): Cell {
    const buckets = new Float64Array(this.bounds.length === 0 ? 0 : this.bounds.length + 1);
    const cell: Cell = { values: [...values], count: 0, sum: 0, buckets };
    this.#cells.set(values.join('\0'), cell);
    return cell;
  }
}

function same(one: LabelValues, other: LabelValues): boolean {
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
