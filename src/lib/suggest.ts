/** Finds what a mistyped name most likely stands for. */

export function closest(name: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(name);
  // Two short names differ by two letters and mean different things, so the tolerance grows with the length.
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const target = fold(candidate);
    if (target === folded) return candidate;
    const limit = Math.min(3, Math.floor(Math.max(folded.length, target.length) / 3));
    if (Math.abs(folded.length - target.length) > limit) continue;
    const distance = editDistance(folded, target);
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { candidate, distance };
  }
  return best?.candidate ?? containing(folded, candidates);
}

/** `prefix` for `pathPrefix`: the only candidate that has the name in it. */
function containing(folded: string, candidates: Iterable<string>): string | undefined {
  if (folded.length < 4) return undefined;
  const found = [...candidates].filter((candidate) => fold(candidate).includes(folded));
  return found.length === 1 ? found[0] : undefined;
}

/** `clear_env`, `clear-env` and `clearEnv` are the same word. */
function fold(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '').slice(0, 64);
}

/** Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) cost = Math.min(cost, at(before, column - 2) + 1);
      current.push(cost);
    }
    before = above;
    above = current;
  }
  return at(above, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
