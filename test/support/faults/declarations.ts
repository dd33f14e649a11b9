/** One fault, in the words of docs/faults.md. */
export interface DeclaredRow {
  fault: string;
  /** What the caller gets, and what happens. */
  expected: string;
  /** Why the product does not keep to it yet. */
  todo?: string | undefined;
}

export interface DeclaredSection {
  title: string;
  rows: DeclaredRow[];
}

let recorded: DeclaredSection[] | undefined;

/**
 * From here on, what a test file declares is only noted down and nothing is run: for the table of docs/faults.md.
 *
 * @returns the sections, as they come
 */
export function recordDeclarations(): readonly DeclaredSection[] {
  recorded ??= [];
  return recorded;
}

/** Notes a section down and returns true when declarations are being recorded. */
export function isRecorded(section: DeclaredSection): boolean {
  recorded?.push(section);
  return recorded !== undefined;
}
