import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import {
  type ControlHandlers,
  type DaemonInfo,
  type DeployEvent,
  type DeployRequest__Output,
  type FunctionSummary,
  loadContract,
} from '@dcf/sdk/contract';
import { type handleUnaryCall, type Metadata, Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';

export const revision = '0123456789abcdef';

const summary: FunctionSummary = {
  name: 'hello',
  description: '',
  revision,
  runtime: 'node',
  replicas: 1,
  readyReplicas: 1,
  calls: 2,
  errors: 1,
  providers: ['cpu'],
  state: 'ready',
  reason: '',
  aliases: {},
  traffic: [],
};

const info: DaemonInfo = {
  version: '9.9.9',
  pid: 42,
  startedAt: Date.now() - 5000,
  nodeVersion: '24.0.0',
  ready: true,
  providers: [{ name: 'cuda', usable: true, detail: 'device 0' }],
  devices: ['0: a GPU, 80 GiB'],
  dataDirectory: '/data',
  diskFree: 2 ** 40,
  diskTotal: 2 ** 41,
  memory: 0,
  sandbox: { usable: true, detail: 'bubblewrap 0.8.0' },
  python: { usable: true, detail: '3.11.7, /usr/bin/python3' },
  memoryGuard: 'watch',
  memoryGuardReason: 'none is delegated',
  http: '127.0.0.1:32223',
};

const known = ['hello', 'broken'];

const entries = ['first', 'second'].map((text, index) => ({
  time: Date.UTC(2026, 0, 2, 0, 0, index),
  level: 'info',
  text,
  callId: '',
  replica: 1,
  worker: 0,
  revision,
}));

/**
 * What a daemon answers, without one behind it. `hello` and `broken` are deployed; only `hello` can be built again; `slow`
 * never comes to an end.
 */
export class FakeDaemon {
  url = '';
  /** Bytes of the blobs that came, by digest. */
  readonly blobs = new Map<string, number>();
  readonly deleted: string[] = [];
  /** What was asked for but deploys and deletes. */
  readonly changes: unknown[] = [];
  /** What `secret set` sent, by name. */
  readonly secrets = new Map<string, { value: string; function: string }>();
  readonly tokens = new Set<string>();
  /** Resolves when a deploy or call of `slow` has begun. */
  readonly slowBegun: Promise<void>;
  /** Resolves when the client has cancelled that. */
  readonly slowCancelled: Promise<void>;
  readonly #server = new Server();
  #begin: () => void = () => undefined;
  #cancel: () => void = () => undefined;

  constructor() {
    this.slowBegun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.slowCancelled = new Promise((resolve) => {
      this.#cancel = resolve;
    });
  }

  static async start(t: TestContext): Promise<FakeDaemon> {
    const daemon = new FakeDaemon();
    daemon.#addControl();
    daemon.#addFunctions();
    const port = await promisify(daemon.#server.bindAsync.bind(daemon.#server))('127.0.0.1:0', ServerCredentials.createInsecure());
    daemon.url = `127.0.0.1:${port}`;
    t.after(() => daemon.#server.forceShutdown());
    return daemon;
  }

  #addControl(): void {
    const handlers: ControlHandlers = {
      Deploy: (stream) => {
        this.#note(stream.metadata);
        let name = '';
        let changed = false;
        stream.on('data', ({ package: sent, chunk }: DeployRequest__Output) => {
          if (sent) {
            name = JSON.parse(sent.manifest).name;
            const missing = sent.files.map((file) => file.sha256).filter((digest) => !this.blobs.has(digest));
            changed = missing.length > 0;
            stream.write({ missing: { sha256: [...new Set(missing)] } });
            stream.write({ step: { name: 'receive', done: false } });
          }
          if (chunk) this.blobs.set(chunk.sha256, (this.blobs.get(chunk.sha256) ?? 0) + chunk.data.length);
        });
        stream.on('cancelled', () => this.#cancel());
        stream.on('end', () => {
          stream.write({ step: { name: 'receive', done: true } });
          if (name === 'slow') return this.#begin();
          stream.write({ step: { name: 'start', done: false } });
          stream.write({ output: 'a line of the Handler' });
          if (name !== 'hello') {
            stream.write({ stack: 'Error: no weights\n    at new Handler (handler.ts:3:7)' });
            stream.emit('error', { code: status.FAILED_PRECONDITION, details: 'the Handler could not be built: no weights' });
            return;
          }
          stream.write({ step: { name: 'start', done: true, detail: '1 replica' } });
          stream.write({ deployed: { function: name, revision, changed } });
          stream.end();
        });
      },
      List: (_call, reply) => reply(null, { functions: [summary] }),
      Describe: ({ request }, reply) => {
        const { name } = request;
        if (known.includes(name)) reply(null, { summary: { ...summary, name }, manifest: '{}', revisions: [], replicas: [], aliases: {} });
        else reply({ code: status.NOT_FOUND, details: `there is no function ${request.name}` });
      },
      Delete: ({ request }, reply) => {
        if (request.name !== 'hello') return reply({ code: status.NOT_FOUND, details: `there is no function ${request.name}` });
        this.deleted.push(request.name);
        reply(null, {});
      },
      Rollback: (stream) => this.#change(stream, 'fedcba9876543210'),
      SetAlias: (stream) => this.#change(stream, revision),
      SetTraffic: (stream) => this.#change(stream, revision),
      Scale: ({ request }, reply) => {
        this.changes.push(request);
        reply(null, { revision, min: request.min ?? 1, max: request.max ?? 1 });
      },
      Logs: (stream) => {
        for (const entry of entries.slice(Math.max(0, entries.length - (stream.request.tail ?? entries.length)))) stream.write(entry);
        stream.on('cancelled', () => this.#cancel());
        if (!stream.request.follow) stream.end();
      },
      Info: (_call, reply) => reply(null, info),
      SetSecret: ({ request: { name, value, function: onlyFor } }, reply) => {
        const running = this.secrets.has(name) ? ['hello'] : [];
        this.secrets.set(name, { value: value.toString(), function: onlyFor });
        reply(null, { functions: running });
      },
      ListSecrets: (_call, reply) => {
        const setAt = Date.UTC(2026, 0, 2);
        reply(null, { secrets: [...this.secrets].map(([name, secret]) => ({ name, function: secret.function, setAt })) });
      },
      DeleteSecret: ({ request: { name } }, reply) => {
        if (this.secrets.delete(name)) reply(null, { functions: ['hello'] });
        else reply({ code: status.NOT_FOUND, details: `there is no secret ${name}` });
      },
    };
    this.#server.addService(loadContract().dcf.Control.service, handlers);
  }

  /** Only `hello` can be changed. */
  #change<Request extends { name: string }>(stream: ServerWritableStream<Request, DeployEvent>, active: string): void {
    this.changes.push(stream.request);
    if (stream.request.name !== 'hello') {
      stream.write({ stack: 'Error: no weights\n    at new Handler (handler.ts:3:7)' });
      stream.emit('error', { code: status.FAILED_PRECONDITION, details: 'the Handler could not be built: no weights' });
      return;
    }
    stream.write({ step: { name: 'switch', done: false } });
    stream.write({ step: { name: 'switch', done: true } });
    stream.write({ deployed: { function: 'hello', revision: active, changed: true } });
    stream.end();
  }

  #addFunctions(): void {
    const invoke: handleUnaryCall<{ function: string; input: Buffer }, { output: Buffer }> = (call, reply) => {
      this.#note(call.metadata);
      const { function: name, input } = call.request;
      if (name === 'slow') {
        call.on('cancelled', () => this.#cancel());
        this.#begin();
      } else if (name === 'hello') reply(null, { output: input });
      else if (name === 'helo') reply({ code: status.NOT_FOUND, details: `there is no function ${name}` });
      else reply({ code: status.INTERNAL, details: 'the worker died' });
    };
    this.#server.addService(loadContract().dcf.Functions.service, { Invoke: invoke });
  }

  #note(metadata: Metadata): void {
    this.tokens.add(String(metadata.get('authorization')[0] ?? ''));
  }
}
