import { fstatSync, writeSync } from 'node:fs';
import pc from 'picocolors';
import { errorCode, reasonOf } from '../../core/errors.js';

type Stream = NodeJS.WriteStream;

/** Functions that colour text, or leave it as it is. */
export type Colours = ReturnType<typeof pc.createColors>;

function coloursFor(stream: Stream): Colours {
  // https://no-color.org: any value but an empty one.
  return pc.createColors(stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb');
}

/** Colours for stdout; none if it is not a terminal. */
export const outColours = coloursFor(process.stdout);
/** Colours for stderr; none if it is not a terminal. */
export const errorColours = coloursFor(process.stderr);

/**
 * Handles output that cannot be written. If the reader of stdout has closed it, as `head` does, the command ends silently. For a full disk or
 * a broken device it ends with a message and exit code 1. Text on stderr is only for people: if it cannot be written, the command goes on.
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

/** Writes to stdout. Resolves when all of it has been written: an output may be larger than a pipe. */
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

/** Writes all bytes to stdout. Node's own stream would ignore that a disk which fills up has accepted only a part. */
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

/** Prints a JSON document, indented, for `--json`. */
export function printJson(value: unknown): Promise<void> {
  return print(`${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a line for people to stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `text` without control characters, which could control a terminal; for texts from the daemon. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'));
}

/** A stack or another text of many lines, indented below the message that it belongs to. */
export function indent(text: string): string {
  return plain(text).replace(/^/gm, '  ');
}

/**
 * Formats rows as a table whose columns are as wide as their widest cell. The first row is the head.
 *
 * @param rows - cells of plain text without line breaks
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
