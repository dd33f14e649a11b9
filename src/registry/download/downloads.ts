import { DcfError } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import { type JoinOptions, type SharedTask, SharedTasks } from '../../core/shared-task.js';
import type { Blobs } from '../blobs/blobs.js';
import { diskError } from '../disk/disk-error.js';
import type { RemoteResource } from '../model/resources.js';
import { download } from './download.js';
import type { DownloadRules } from './download-rules.js';

/** Brings resources from elsewhere into the blobs. However many wait for a blob, it is downloaded once. */
export class Downloads {
  private readonly running = new SharedTasks<Digest>();

  /** @param dataDirectory - for messages */
  constructor(
    private readonly blobs: Blobs,
    private readonly dataDirectory: string,
    private readonly rules: DownloadRules,
  ) {}

  /**
   * Resolves when the blob of a resource is there. `options.onOutput` gets a line now and then about how it goes on.
   *
   * @throws DcfError INVALID_ARGUMENT for other bytes than its digest names, RESOURCE_EXHAUSTED, FAILED_PRECONDITION when it
   *   cannot be had; CANCELLED when the signal aborts
   */
  async fetch(resource: RemoteResource, options: JoinOptions): Promise<void> {
    const shown = `resources.${resource.name}`;
    const onOutput = (text: string): void => options.onOutput(`${shown}: ${text}`);
    try {
      while (!(await this.blobs.has(resource.digest))) {
        if (options.signal?.aborted === true) throw cancelled();
        const others = this.running.get(resource.digest);
        if (others !== undefined) onOutput('another deploy downloads it already; this one waits for that');
        await join(others ?? this.begin(resource), resource, { onOutput, signal: options.signal });
      }
    } catch (error) {
      const { code, message, cause } = diskError(error, this.dataDirectory, `store the blob ${resource.digest}`);
      throw new DcfError(code, `${shown}: ${message}`, { cause });
    }
  }

  private begin({ url, digest }: RemoteResource): SharedTask {
    const { blobs, rules } = this;
    return this.running.begin(
      digest,
      ({ signal, tell: onProgress }) => download({ source: { url, digest }, blobs, rules, signal, onProgress }),
      { label: url },
    );
  }
}

/** Waits for a download, or until one that all have given up has ended. */
async function join(task: SharedTask, { url }: RemoteResource, options: JoinOptions): Promise<void> {
  if (task.abandoned) return await task.ended();
  try {
    await task.join(options, cancelled);
  } catch (error) {
    // That it cannot be had from another address says nothing about this one.
    if (options.signal?.aborted === true || task.label === url) throw error;
  }
}

function cancelled(): DcfError {
  return new DcfError('CANCELLED', 'the download was cancelled');
}
