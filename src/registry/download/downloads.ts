import { DcfError } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import type { Blobs } from '../blobs/blobs.js';
import { diskError } from '../disk/disk-error.js';
import type { RemoteResource } from '../model/resources.js';
import { download } from './download.js';
import type { DownloadRules } from './download-rules.js';

export interface FetchOptions {
  /** Gets a line now and then about how it goes on. */
  onOutput: (line: string) => void;
  /** Gives up; the download goes on while another waits for it. */
  signal?: AbortSignal | undefined;
}

/** A download that runs, and who waits for it. */
interface Running {
  readonly url: string;
  readonly done: Promise<void>;
  readonly abort: AbortController;
  readonly listeners: Set<(text: string) => void>;
}

/** Brings resources from elsewhere into the blobs. However many wait for a blob, it is downloaded once. */
export class Downloads {
  private readonly running = new Map<Digest, Running>();

  /** @param dataDirectory - for messages */
  constructor(
    private readonly blobs: Blobs,
    private readonly dataDirectory: string,
    private readonly rules: DownloadRules,
  ) {}

  /**
   * Resolves when the blob of a resource is there.
   *
   * @throws DcfError INVALID_ARGUMENT for other bytes than its digest names, RESOURCE_EXHAUSTED, FAILED_PRECONDITION when it
   *   cannot be had; CANCELLED when the signal aborts
   */
  async fetch(resource: RemoteResource, options: FetchOptions): Promise<void> {
    const shown = `resources.${resource.name}`;
    const listener = (text: string): void => options.onOutput(`${shown}: ${text}`);
    try {
      while (!(await this.blobs.has(resource.digest))) {
        if (options.signal?.aborted === true) throw cancelled();
        const others = this.running.get(resource.digest);
        if (others !== undefined) listener('another deploy downloads it already; this one waits for that');
        await this.join(others ?? this.begin(resource), resource, listener, options.signal);
      }
    } catch (error) {
      const { code, message, cause } = diskError(error, this.dataDirectory, `store the blob ${resource.digest}`);
      throw new DcfError(code, `${shown}: ${message}`, { cause });
    }
  }

  /** Waits for a download. When everyone who waits has given up, it ends. */
  private async join(
    running: Running,
    { url }: RemoteResource,
    listener: (text: string) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (running.abort.signal.aborted) return void (await running.done.catch(() => undefined));
    let giveUp = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      giveUp = () => reject(cancelled());
    });
    signal?.addEventListener('abort', giveUp);
    running.listeners.add(listener);
    try {
      await Promise.race([running.done, aborted]);
    } catch (error) {
      // That it cannot be had from another address says nothing about this one.
      if (signal?.aborted === true || running.url === url) throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
      running.listeners.delete(listener);
      if (running.listeners.size === 0) {
        running.abort.abort();
        await running.done.catch(() => undefined);
      }
    }
  }

  private begin({ url, digest }: RemoteResource): Running {
    const abort = new AbortController();
    const listeners: Running['listeners'] = new Set();
    const onProgress = (text: string): void => {
      for (const listener of listeners) listener(text);
    };
    const task = { source: { url, digest }, blobs: this.blobs, rules: this.rules, signal: abort.signal, onProgress };
    const done = download(task).finally(() => this.running.delete(digest));
    done.catch(() => undefined);
    const running = { url, done, abort, listeners };
    this.running.set(digest, running);
    return running;
  }
}

function cancelled(): DcfError {
  return new DcfError('CANCELLED', 'the download was cancelled');
}
