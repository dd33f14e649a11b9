/** Shorter values are not masked: they would match parts of many words. */
const minMaskedLength = 6;
/** Shorter parts of values are not masked either. */
const minPartLength = 3;
const mark = '***';

/** Hides values in text. A value that was replaced stays hidden, because an earlier replica may still print it. */
export class SecretMask {
  private readonly hidden = new Set<string>();
  private pattern: RegExp | undefined;

  /** Hides a value from now on: unchanged, each of its lines (logs are cut into lines), and in the forms of JSON and of URLs. */
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
   * Replaces each value in a part of a line by `***`, and also the beginning of a value at the end of a part, and the end of one at
   * the beginning of the next part. Up to two characters of such a value may be shown.
   */
  applyToPart(text: string, { continued, open }: { continued: boolean; open: boolean }): string {
    const end = continued ? longest(text, this.hidden, (form, length) => form.endsWith(text.slice(0, length))) : 0;
    const begin = open ? longest(text, this.hidden, (form, length) => form.startsWith(text.slice(text.length - length))) : 0;
    const inside = continued && open && text.length >= minPartLength && [...this.hidden].some((form) => form.includes(text));
    if (inside) return mark;
    const middle = this.apply(text.slice(end, Math.max(end, text.length - begin)));
    return `${end > 0 ? mark : ''}${middle}${begin > 0 ? mark : ''}`;
  }

  /** Replaces each value in a text by `***`. */
  apply(text: string): string {
    return this.pattern === undefined ? text : text.replace(this.pattern, mark);
  }
}

/** How many characters at one end of a text may be a part of a value; 0 when none are. */
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
