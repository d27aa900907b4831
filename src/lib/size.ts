/** Sizes as configurations write them: `512KiB`, `4MiB`, `1GiB`, or a number of bytes. */
const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/;

/** Whole bytes, or undefined when `text` is not a size. */
export function parseSize(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isSafeInteger(text) && text >= 0 ? text : undefined;
  const [, amount, unit] = SIZE.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const bytes = Number(amount) * (UNITS[unit] as number);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** In the largest unit that divides it. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of Object.entries(UNITS).reverse())
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return `${bytes}B`;
}
