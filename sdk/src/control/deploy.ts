import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { DeployEvent__Output, DeployRequest } from '../contract/types.js';
import { DcfError } from '../errors.js';
import { readBlob } from '../package/blobs.js';
import type { FunctionPackage, PackedFile } from '../package/types.js';
import { ChangeReader } from './change.js';
import type { DeployProgress, Rollout } from './types.js';

export type DeployStream = ClientDuplexStream<DeployRequest, DeployEvent__Output>;

/**
 * The client's side of dcf.v1.Control.Deploy (proto/dcf/v1/dcf.proto): sends the package, and then the blobs that the daemon does not have,
 * while the daemon sends events.
 */
export class DeployExchange {
  readonly reader: ChangeReader;
  /** Why this side ended the stream, such as a changed file, or an `onProgress` that threw; `undefined` if it did not. */
  fault: DcfError | undefined;
  readonly #stream: DeployStream;
  readonly #package: FunctionPackage;
  readonly #rollout: Rollout;
  readonly #onProgress: (progress: DeployProgress) => void;
  readonly #ended = new AbortController();
  readonly #allRead: Promise<unknown>;
  #upload: Promise<void> | undefined;

  constructor(stream: DeployStream, pkg: FunctionPackage, rollout: Rollout, onProgress: (progress: DeployProgress) => void) {
    this.reader = new ChangeReader(onProgress);
    this.#stream = stream;
    this.#package = pkg;
    this.#rollout = rollout;
    this.#onProgress = onProgress;
    this.#allRead = new Promise((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
    });
  }

  /** Sends the package. `finish` must be called once the stream has its status. */
  start(): void {
    // The status has everything about the error; without a listener the event would be an uncaught exception.
    this.#stream.on('error', () => undefined);
    // Not an async iteration: grpc-js drops events that wait to be read when an error status comes.
    this.#stream.on('data', (event: DeployEvent__Output) => {
      try {
        this.#read(event);
      } catch (error) {
        this.#abort(error);
      }
    });
    const { manifest, files } = this.#package;
    const { alias, traffic, maxErrorRate } = this.#rollout;
    const rollout = {
      ...(alias === undefined ? {} : { alias }),
      ...(traffic === undefined ? {} : { traffic }),
      ...(maxErrorRate === undefined ? {} : { maxErrorRate }),
    };
    this.#stream.write({ package: { manifest: JSON.stringify(manifest.given), files: files.map(describeFile), ...rollout } });
  }

  /** Resolves when every event has been read, nothing runs any more and no file is open. */
  async finish(): Promise<void> {
    this.#ended.abort(new DcfError('ABORTED', 'the deploy ended before all was sent'));
    await Promise.all([this.#allRead, this.#upload]);
  }

  #read(event: DeployEvent__Output): void {
    if (event.missing) this.#startUpload(event.missing.sha256);
    else this.reader.read(event);
  }

  #startUpload(digests: readonly string[]): void {
    if (this.#upload !== undefined) throw new DcfError('INTERNAL', 'the daemon sent its list of missing blobs twice');
    this.#upload = this.#sendBlobs(digests).catch((error: unknown) => this.#abort(error));
  }

  async #sendBlobs(digests: readonly string[]): Promise<void> {
    const files = new Map<string, PackedFile>(this.#package.files.map((file) => [file.sha256, file]));
    // Two files may have the same bytes.
    const wanted = [...new Set(digests)].map((digest) => {
      const file = files.get(digest);
      if (file === undefined) throw new DcfError('INTERNAL', `the daemon asked for a blob that the package does not have: ${digest}`);
      return file;
    });
    const total = wanted.reduce((sum, file) => sum + file.size, 0);
    let sent = 0;
    this.#onProgress({ kind: 'upload', sent, total });
    for (const file of wanted) {
      for await (const data of readBlob(file)) {
        await this.#send({ chunk: { sha256: file.sha256, data } });
        sent += data.length;
        this.#onProgress({ kind: 'upload', sent, total });
      }
    }
    this.#stream.end();
  }

  /** Resolves when there is room for more, so that a package of any size needs little memory. */
  #send(request: DeployRequest): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((resolve, reject) => {
      // grpc-js does not call back for messages that it had not sent when the stream ended.
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      this.#stream.write(request, (error: Error | null | undefined) => {
        signal.removeEventListener('abort', stop);
        if (error) reject(error);
        else resolve();
      });
      if (signal.aborted) stop();
    });
  }

  #abort(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.fault ??= DcfError.from(error);
    this.#stream.cancel();
  }
}

function describeFile({ path, mode, size, sha256 }: PackedFile) {
  return { path, mode, size, sha256 };
}
