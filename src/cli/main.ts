#!/usr/bin/env node
import { CommanderError } from 'commander';
import { argumentsOf, buildProgram } from './program.js';
import { describeFailure } from './terminal/errors.js';
import { interruptedExitCode } from './terminal/interrupt.js';
import { errorColours, note, watchOutput } from './terminal/output.js';

watchOutput();
process.exitCode = await main();
// Cancelled work may keep the process alive: a replica that runs a long call ends with the process.
if (interruptedExitCode() !== undefined) process.exit();

/** Runs the command. Resolves with the exit code: 0 success, 1 the call or deploy failed, 2 wrong usage, 128 and more after a signal. */
async function main(): Promise<number> {
  try {
    const args = argumentsOf(process.argv.slice(2));
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: 'user' });
    return interruptedExitCode() ?? 0;
  } catch (error) {
    // Commander has written its own message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const interrupted = interruptedExitCode();
    const { message, exitCode } = interrupted === undefined ? describeFailure(error) : { message: 'cancelled', exitCode: interrupted };
    note(`${errorColours.red('dcf:')} ${message}`);
    return exitCode;
  }
}
