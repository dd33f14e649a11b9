import { DcfError } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import { type JoinOptions, type SharedTask, SharedTasks } from '../../core/shared-task.js';
import type { Blobs } from '../blobs/blobs.js';
import { diskError } from '../disk/disk-error.js';
import type { RemoteResource } from '../model/resources.js';
import { download } from './download.js';
import type { DownloadRules } from './download-rules.js';

/** Downloads resources into the blobs. A blob for which several deploys wait is downloaded once. */
export class Downloads {
  private readonly running = new SharedTasks<Digest>();

  /** @param dataDirectory - the data directory, for messages */
  constructor(
    private readonly blobs: Blobs,
    private readonly dataDirectory: string,
    private readonly rules: DownloadRules,
  ) {}

  /**
   * Resolves when the blob of a resource exists. `options.onOutput` gets lines about the progress.
   *
   * @throws DcfError INVALID_ARGUMENT when the bytes do not have the resource's digest, RESOURCE_EXHAUSTED when it is too large or
   *   the disk is full, FAILED_PRECONDITION when it cannot be downloaded, CANCELLED when the signal aborts
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

/** Waits for a download. An abandoned one cannot be joined any more: waits until it has ended, and the caller begins another. */
async function join(task: SharedTask, { url }: RemoteResource, options: JoinOptions): Promise<void> {
  if (task.abandoned) return await task.ended();
  try {
    await task.join(options, cancelled);
  } catch (error) {
    // A failure from another URL says nothing about this one: the caller tries again.
    if (options.signal?.aborted === true || task.label === url) throw error;
  }
}

function cancelled(): DcfError {
  return new DcfError('CANCELLED', 'the download was cancelled');
}
