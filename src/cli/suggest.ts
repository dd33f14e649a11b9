/** How many names are listed before "and N more". */
const listedNames = 10;

/** The one of the names that a mistyped one was most likely to be; `undefined` when none is near. */
export function nearest(mistyped: string, names: readonly string[]): string | undefined {
  const allowed = Math.max(1, Math.floor(mistyped.length / 3));
  const near = names.map((name) => ({ name, distance: distance(mistyped, name) })).filter((candidate) => candidate.distance <= allowed);
  return near.sort((a, b) => a.distance - b.distance)[0]?.name;
}

/** Names for people: those of a long list are cut. */
export function listed(names: readonly string[]): string {
  const more = names.length - listedNames;
  return more > 0 ? `${names.slice(0, listedNames).join(', ')} and ${more} more` : names.join(', ');
}

/** Letters that are missing, too many, wrong, or in the place of their neighbours (optimal string alignment). */
function distance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      const steps = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1)];
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (swapped) steps.push((beforeLast[j - 2] ?? 0) + 1);
      row.push(Math.min(...steps));
    }
    beforeLast = last;
    last = row;
  }
  return last[other.length] ?? 0;
}
