import { fstatSync, writeSync } from 'node:fs';
import pc from 'picocolors';
import { errorCode } from '../../core/errors.js';
import { reasonOf } from './errors.js';

type Stream = NodeJS.WriteStream;

/** What paints text, or leaves it as it is. */
export type Colours = ReturnType<typeof pc.createColors>;

function coloursFor(stream: Stream): Colours {
  // https://no-color.org: any value but an empty one.
  return pc.createColors(stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb');
}

/** Colours for what goes to stdout; none when it is no terminal. */
export const outColours = coloursFor(process.stdout);
/** Colours for what goes to stderr; none when it is no terminal. */
export const errorColours = coloursFor(process.stderr);

/**
 * What becomes of output that cannot be written. A reader of stdout that has enough, as `head` has, ends the command silently; a full disk
 * or a broken device ends it with a word and exit code 1. What is said on stderr is for people: the command goes on without it.
 */
export function watchOutput(): void {
  process.stdout.on('error', outputFailed);
  process.stderr.on('error', () => undefined);
}

function outputFailed(error: unknown): never {
  if (errorCode(error) === 'EPIPE') process.exit(process.exitCode ?? 0);
  note(`${errorColours.red('dcf:')} stdout cannot be written: ${reasonOf(error)}`);
  process.exit(1);
}

/** Writes to stdout, and waits until it is taken: an output may be larger than a pipe. */
export async function print(output: string | Uint8Array): Promise<void> {
  stdoutIsFile ??= fstatSync(1).isFile();
  if (stdoutIsFile) {
    writeWhole(Buffer.from(output));
    return;
  }
  await new Promise<void>((resolve) => {
    process.stdout.write(output, (error) => (error ? outputFailed(error) : resolve()));
  });
}

/** Node's own stream takes it as done when a disk that fills up has taken a part. */
function writeWhole(bytes: Buffer): void {
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
  } catch (error) {
    outputFailed(error);
  }
}

let stdoutIsFile: boolean | undefined;

export function printLine(line: string): Promise<void> {
  return print(`${line}\n`);
}

/** One JSON document, indented: what `--json` gives. */
export function printJson(value: unknown): Promise<void> {
  return print(`${JSON.stringify(value, null, 2)}\n`);
}

/** A line for people, beside the output. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A call's output as it is. Only a terminal gets a line break after it, so that the prompt stands on a line of its own. */
export async function printOutput(output: Uint8Array): Promise<void> {
  await print(output);
  if (process.stdout.isTTY === true && output.length > 0 && output.at(-1) !== 0x0a) await print('\n');
}

/** `text` without what could steer a terminal: for names and reasons that come from elsewhere. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'));
}

/** A stack or another text of many lines, set off from the message that it belongs to. */
export function indent(text: string): string {
  return plain(text).replace(/^/gm, '  ');
}

/**
 * Rows in columns that are as wide as their widest cell, each ended by a line break; the first row is the head.
 * Cells are plain text of one line.
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line, index) => `${index === 0 ? outColours.bold(line) : line}\n`).join('');
}
