// Reports a test run: node's own report (spec), and after it the skipped tests with their reasons, which would be lost among some thousand lines.
import { dirname, relative } from 'node:path';
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {AsyncIterable<import('node:test').TestEvent>} events - of one run */
export default async function* report(events) {
  const skipped = new SkippedTests();
  async function* watched() {
    for await (const event of events) {
      skipped.see(event);
      yield event;
    }
  }
  yield* Readable.from(watched()).compose(new spec());
  yield skipped.toString();
}

class SkippedTests {
  /** Reason to the full names of tests. */
  #byReason = new Map();
  /** The names of the tests around the one that runs, outermost first, by file: files run at the same time. */
  #around = new Map();

  see({ type, data }) {
    if (type !== 'test:start' && type !== 'test:pass') return;
    const around = this.#around.get(data.file) ?? [];
    this.#around.set(data.file, around);
    around.length = data.nesting;
    around.push(data.name);
    if (type === 'test:start' || (data.skip ?? false) === false) return;
    const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason is given';
    const place = data.file === undefined ? [] : [relative(root, data.file).replace(/^(dist\/)?test\//, '')];
    this.#byReason.set(reason, [...(this.#byReason.get(reason) ?? []), [...place, ...around].join(' › ')]);
  }

  toString() {
    const count = [...this.#byReason.values()].flat().length;
    if (count === 0) return '\nNo test was skipped.\n';
    const groups = [...this.#byReason].map(([reason, names]) => `\n  ${reason}\n${names.map((name) => `    ${name}\n`).join('')}`);
    return `\n${count} skipped, and why:\n${groups.join('')}`;
  }
}
