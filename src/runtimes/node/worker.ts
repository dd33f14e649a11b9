import { type OnReadOpts, Socket } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { cutText, DcfError, messageOf } from '../../core/errors.js';
import { Connection } from '../../wire/connection.js';
import type { InitHeader, LogLevel, Message } from '../../wire/messages.js';
import { describeFailure, handlerStack } from './calls/failure.js';
import { HandlerHost } from './handler-host.js';
import { loadHandler } from './load-handler.js';
import { captureConsole } from './worker-log.js';

/** How a worker ended; it decides the exit code of its replica. */
export type WorkerEnd = 'finished' | 'init failed' | 'broken';

/** Most bytes of one entry of the log. */
const maxLogLength = 64 * 1024;

/** How long a Handler may take to finish after the daemon is gone, in milliseconds. */
const orphanGraceMs = 5_000;

/** Serves one worker on an inherited descriptor until its stream ends. Resolves when the Handler is closed. */
export function serveWorker(descriptor: number): Promise<WorkerEnd> {
  return new Promise((resolve) => {
    new Worker(descriptor, resolve);
  });
}

function openDescriptor(fd: number, onread: OnReadOpts): Socket {
  // The options are in a variable because the types of Node 20 lack `onread`, which its documentation has.
  const options = { fd, readable: true, writable: true, onread };
  return new Socket(options);
}

/** How long a call may go on after an uncaught exception, in milliseconds: the call may wait for the code that has thrown it. */
const uncaughtGraceMs = 1_000;

class Worker {
  private readonly connection: Connection;
  /** Set with INIT. */
  private host: HandlerHost | undefined;
  private leaving = false;
  private ended = false;

  constructor(
    descriptor: number,
    private readonly onEnd: (end: WorkerEnd) => void,
  ) {
    this.connection = new Connection({
      open: (onread) => openDescriptor(descriptor, onread),
      headroom: 0,
      // The Handler may keep its input for as long as it likes.
      allocate: Buffer.allocUnsafe,
      // The daemon has checked each input against the function's own limit.
      maxBodyLength: 0xffffffff,
      pauseWhenCongested: true,
      onMessage: (message) => this.receive(message),
      onClose: (error) => this.orphaned(error),
    });
    // Lines that a Handler logs right before process.exit() often say why it exits. The system accepts them at once.
    process.on('exit', () => this.connection.flush());
    process.on('uncaughtException', (error) => this.failed(error, 'an uncaught exception'));
    process.on('unhandledRejection', (error) => this.failed(error, 'an unhandled rejection'));
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'INIT':
        void this.init(message.init);
        return;
      case 'DRAIN':
        this.leaving = true;
        this.leaveWhenIdle();
        return;
      default:
        if (this.host === undefined) throw new Error(`${message.type} came before INIT`);
        this.host.receive(message);
    }
  }

  private async init(init: InitHeader): Promise<void> {
    const started = performance.now();
    const host = new HandlerHost(init, {
      send: (message) => this.connection.send(message),
      handOver: (done) => this.connection.handOver(done),
      flush: () => this.connection.flush(),
      log: (level, text, id) => this.log(level, text, id),
      onIdle: () => this.leaveWhenIdle(),
    });
    this.host = host;
    captureConsole(host.logger);
    // node:cluster starts this file, and some libraries take it for the program that runs.
    process.argv[1] = join(init.directory, init.handler.path);
    try {
      const built = await host.build((context) => loadHandler(init.directory, init.handler, context));
      this.connection.send({ type: 'READY', ready: { ...built, initMs: Math.round(performance.now() - started) } });
    } catch (error) {
      this.initFailed(error);
    }
  }

  private initFailed(error: unknown): void {
    this.connection.send({ type: 'INIT_FAILED', ...describeFailure(error) });
    this.end('init failed');
  }

  private log(level: LogLevel, text: string, id: number): void {
    this.connection.send({ type: 'LOG', id, level, time: Date.now(), text: cutText(text, maxLogLength) });
  }

  /**
   * Handles an uncaught exception or an unhandled rejection, mostly of code that a call has left running. As the state of the process
   * is unknown then, the daemon is asked to replace the replica.
   */
  private failed(error: unknown, what: string): void {
    if (this.ended) return;
    const calls = this.host?.calls;
    if (this.host?.nested.hasThrown(error) === true && what === 'an unhandled rejection') {
      // The Handler did not await the nested call, mostly because it had answered before. The process is not affected.
      this.log('warn', `a nested call that the Handler did not await has failed: ${messageOf(error)}`, calls?.current.suspectId ?? 0);
      return;
    }
    if (calls === undefined) {
      this.initFailed(error);
      return;
    }
    this.log('error', `${what}: ${handlerStack(error) || messageOf(error)}`, calls.current.suspectId);
    const why = `${what}: ${describeFailure(error).message}`;
    if (what === 'an uncaught exception') calls.failSuspectAfter(uncaughtGraceMs, new DcfError('INTERNAL', why, { reason: 'uncaught' }));
    this.connection.send({ type: 'RETIRE', why });
  }

  private leaveWhenIdle(): void {
    if (!this.leaving || this.host?.calls?.idle === false) return;
    void this.closeHandler().then(() => this.end('finished'));
  }

  private async closeHandler(): Promise<void> {
    try {
      await this.host?.close();
    } catch (error) {
      process.stderr.write(`the Handler's close() failed: ${handlerStack(error) || messageOf(error)}\n`);
    }
  }

  /** Handles the end of the stream without a DRAIN: the daemon is gone, and nobody waits for an answer. */
  private orphaned(error: Error | undefined): void {
    if (this.ended) return;
    if (error !== undefined) {
      process.stderr.write(`the worker's stream broke: ${error.message}\n`);
      this.end('broken');
      return;
    }
    this.leaving = true;
    this.host?.calls?.cancelAll();
    this.host?.nested.giveUp();
    setTimeout(() => this.end('finished'), orphanGraceMs).unref();
    this.leaveWhenIdle();
  }

  private end(end: WorkerEnd): void {
    if (this.ended) return;
    this.ended = true;
    this.connection.finish(() => this.onEnd(end));
  }
}
