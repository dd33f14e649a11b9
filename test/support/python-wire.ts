import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runtimeCommand } from '../../src/languages/languages.js';
import { encodeFrame, FrameDecoder, inlineBodyLength } from '../../src/wire/frame.js';
import { fromFrame, type InitHeader, type Message, toFrame } from '../../src/wire/messages.js';
import { temporaryDirectory } from './cleanup.js';
import { testPython } from './pythons.js';

/** Nothing that is waited for takes as long. */
const patienceMs = 60_000;

type OfType<Type extends Message['type']> = Extract<Message, { type: Type }>;
type CallFields = Partial<Omit<OfType<'CALL'>, 'type' | 'body'>> & { body?: string };

/** A Python worker, and the daemon's end of its stream in the hands of a test. */
export class PythonWire {
  private readonly messages: Message[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly decoder = new FrameDecoder({
    maxBodyLength: 1 << 26,
    headroom: 0,
    allocate: Buffer.allocUnsafe,
    onFrame: (frame) => this.messages.push(fromFrame(frame)),
  });

  private constructor(
    private readonly child: ChildProcess,
    private readonly stream: Socket,
    /** All that it writes to stderr, once it has ended. */
    readonly errors: Promise<string>,
  ) {
    stream.on('data', (data: Buffer) => {
      this.decoder.push(data);
      for (const check of this.waiting) check();
    });
    // The process may be gone before it has read everything.
    stream.on('error', () => undefined);
  }

  /** Starts a worker with this handler and waits until it is ready. It goes with the test. */
  static async start(t: TestContext, source: string, init: Partial<InitHeader> = {}): Promise<PythonWire> {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, 'handler.py'), source);
    const [file = '', ...argv] = runtimeCommand(await testPython(), 1, undefined);
    const child = spawn(file, argv, { cwd: directory, stdio: ['ignore', 'inherit', 'pipe', 'pipe'] });
    t.after(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    const stream = child.stdio[3];
    assert.ok(stream instanceof Socket && child.stderr !== null);
    const wire = new PythonWire(child, stream, text(child.stderr));
    const handler = { path: 'handler.py', name: 'Handler' };
    const placed = { protocol: 1, function: 'wired', revision: 'r1', worker: 0, directory, handler, parameters: {}, resources: {} };
    wire.send({ type: 'INIT', init: { ...placed, providers: [], devices: [], concurrency: 1, maxBatch: 1, maxPayload: 1 << 20, ...init } });
    await wire.next('READY');
    return wire;
  }

  send(message: Message): void {
    const frame = toFrame(message);
    this.stream.write(encodeFrame(frame));
    if (frame.body.length > inlineBodyLength) this.stream.write(frame.body);
  }

  call(id: number, fields: CallFields = {}): void {
    const { body = '', ...others } = fields;
    const flags = { more: false, announce: false, streamIn: false, streamOut: false };
    this.send({
      type: 'CALL',
      id,
      timeoutMs: 0,
      requestId: `call-${id}`,
      metadata: undefined,
      ...flags,
      body: Buffer.from(body),
      ...others,
    });
  }

  data(id: number, text: string): void {
    this.send({ type: 'DATA', id, body: Buffer.from(text) });
  }

  /** Resolves with the next message that has come, which has to be of this type. */
  async next<Type extends Message['type']>(type: Type): Promise<OfType<Type>> {
    while (this.messages.length === 0) await this.more();
    const message = this.messages.shift();
    assert.equal(message?.type, type, JSON.stringify(message));
    return this.as(message, type);
  }

  /** The messages that have come and were not asked for. */
  get unread(): readonly Message[] {
    return this.messages;
  }

  /** Ends the stream, and resolves with how the process ended. */
  async close(): Promise<number | NodeJS.Signals | null> {
    this.stream.end();
    return await this.exit();
  }

  /** Resolves with how the process ended, which the test has to bring about. */
  async exit(): Promise<number | NodeJS.Signals | null> {
    const late = sleep(patienceMs, undefined, { ref: false }).then(() => {
      throw new Error(`it did not end within ${patienceMs} ms`);
    });
    await Promise.race([this.ended(), late]);
    return this.child.exitCode ?? this.child.signalCode;
  }

  private async ended(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  private as<Type extends Message['type']>(message: Message | undefined, type: Type): OfType<Type> {
    if (!isOfType(message, type)) throw new Error(`it is no ${type}`);
    return message;
  }

  private more(): Promise<void> {
    const ended = this.ended().then(async () => {
      throw new Error(`the worker ended: ${this.child.exitCode ?? this.child.signalCode}\n${await this.errors}`);
    });
    const came = new Promise<void>((resolve) => {
      const check = (): void => {
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
    });
    const late = sleep(patienceMs, undefined, { ref: false }).then(() => {
      throw new Error(`nothing came within ${patienceMs} ms`);
    });
    return Promise.race([came, ended, late]);
  }
}

function isOfType<Type extends Message['type']>(message: Message | undefined, type: Type): message is OfType<Type> {
  return message?.type === type;
}

/** The body of a frame as text. */
export function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString();
}
