/** Shorter values are not masked: they would be found in many a word. */
const minMaskedLength = 6;
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

  /** The text with `***` for each value in it. */
  apply(text: string): string {
    return this.pattern === undefined ? text : text.replace(this.pattern, mark);
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
