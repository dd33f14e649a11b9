/** Shorter values are not masked: they would be found in many a word. */
const minMaskedLength = 6;
/** Parts of values that are shorter are not masked either. */
const minPartLength = 3;
const mark = '***';

/** Hides values in text. A value stays hidden for as long as the mask lives, for a replica from before may still print it. */
export class SecretMask {
  private readonly hidden = new Set<string>();
  private pattern: RegExp | undefined;

  /** Hides a value from now on: as it is, line by line (logs are cut into lines), and as JSON and URLs have it. */
  add(value: string): void {
    const before = this.hidden.size;
    for (const line of [value, ...value.split(/\r?\n/)]) {
      for (const form of [line, line.trim(), JSON.stringify(line).slice(1, -1), encodeURIComponent(line.toWellFormed())]) {
        if (form.length >= minMaskedLength) this.hidden.add(form);
      }
    }
    if (this.hidden.size === before) return;
    // The longest first: one value may be the beginning of another.
    const forms = [...this.hidden].sort((a, b) => b.length - a.length);
    this.pattern = new RegExp(forms.map(escapePattern).join('|'), 'g');
  }

  /**
   * The text of a part of a line with `***` for each value in it, and for the beginning of one at the end of a part, or its end at the
   * beginning of the next. Less than three characters of it may be shown.
   */
  applyToPart(text: string, { continued, open }: { continued: boolean; open: boolean }): string {
    const end = continued ? longest(text, this.hidden, (form, length) => form.endsWith(text.slice(0, length))) : 0;
    const begin = open ? longest(text, this.hidden, (form, length) => form.startsWith(text.slice(text.length - length))) : 0;
    const inside = continued && open && text.length >= minPartLength && [...this.hidden].some((form) => form.includes(text));
    if (inside) return mark;
    const middle = this.apply(text.slice(end, Math.max(end, text.length - begin)));
    return `${end > 0 ? mark : ''}${middle}${begin > 0 ? mark : ''}`;
  }

  /** The text with `***` for each value in it. */
  apply(text: string): string {
    return this.pattern === undefined ? text : text.replace(this.pattern, mark);
  }
}

/** How much of a text, at one of its ends, may be a part of a value; 0 where it is none. */
function longest(text: string, forms: ReadonlySet<string>, fits: (form: string, length: number) => boolean): number {
  let found = 0;
  for (const form of forms) {
    for (let length = Math.min(text.length, form.length - 1); length >= Math.max(minPartLength, found + 1); length--) {
      if (fits(form, length)) found = length;
    }
  }
  return found;
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
