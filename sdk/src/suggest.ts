/**
 * The name that was probably meant by a mistyped one; `undefined` if none is close. A third of its letters may be wrong, missing, added or
 * swapped with their neighbour.
 */
export function closestName(typed: string, names: readonly string[]): string | undefined {
  const ranked = names.map((name) => ({ name, distance: editDistance(typed.toLowerCase(), name.toLowerCase()) }));
  const [closest] = ranked.sort((a, b) => a.distance - b.distance);
  return closest !== undefined && closest.distance <= Math.max(typed.length, closest.name.length) / 3 ? closest.name : undefined;
}

/** The optimal string alignment distance, https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? at(row - 2, column - 2) + 1 : replaced;
      current.push(Math.min(replaced, swapped, at(row - 1, column) + 1, at(row, column - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
