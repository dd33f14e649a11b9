import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration, formatSize } from '@dcf/sdk/units';
import { Backoff } from '../../core/backoff.js';
import { DcfError } from '../../core/errors.js';
import type { Blobs } from '../blobs/blobs.js';
import { PartialFile, removePartial } from '../blobs/partial-file.js';
import type { RemoteResource } from '../model/resources.js';
import { type Answer, openDownload } from './download-request.js';
import { type DownloadRules, TransientError } from './download-rules.js';

export interface DownloadTask {
  source: Pick<RemoteResource, 'url' | 'digest'>;
  blobs: Blobs;
  rules: DownloadRules;
  signal: AbortSignal;
  /** Called with the progress, in words. */
  onProgress: (text: string) => void;
}

/** After this many failed tries in a row the download fails. */
const maxTries = 5;
/** A try that brought this many bytes starts the count of failed tries again. */
const goodProgress = 2 ** 20;
/** After this many wrong digests the download fails. Parts of several answers may be of different versions of the file. */
const maxMismatches = 2;
const defaultRetryMs = 1_000;
const maxRetryMs = 30_000;
const defaultProgressMs = 5_000;
/** Statuses below 500 after which another try may succeed, https://www.rfc-editor.org/rfc/rfc9110#name-status-codes. */
const laterStatuses = [408, 425, 429];

/**
 * Downloads a blob, and continues an earlier download of it. After a failure the downloaded part is kept, unless its bytes are wrong
 * or there is no room for it.
 *
 * @throws DcfError INVALID_ARGUMENT with both digests when the bytes are wrong, RESOURCE_EXHAUSTED when the file is too large,
 *   FAILED_PRECONDITION when it cannot be downloaded; the error of a full disk; the signal's reason when it aborts
 */
export async function download(task: DownloadTask): Promise<void> {
  const { source, blobs, signal } = task;
  const path = blobs.partialPath(source.digest);
  const file = await PartialFile.open(path, signal);
  let useless = false;
  try {
    await new Download(task, file).run();
    await file.sync();
    await blobs.adopt(source.digest);
  } catch (error) {
    useless = !signal.aborted && !(DcfError.is(error) && error.code === 'FAILED_PRECONDITION');
    throw error;
  } finally {
    await file.close();
    if (useless) await removePartial(path);
  }
}

class Download {
  private failures = 0;
  private mismatches = 0;
  private readonly backoff: Backoff;
  private readonly begun = performance.now();
  private toldAt = this.begun;

  constructor(
    private readonly task: DownloadTask,
    private readonly file: PartialFile,
  ) {
    const initialMs = task.rules.retryMs ?? defaultRetryMs;
    this.backoff = new Backoff({ initialMs, maximumMs: Math.max(initialMs, maxRetryMs), resetAfterMs: Number.POSITIVE_INFINITY });
  }

  async run(): Promise<void> {
    const { source, onProgress } = this.task;
    for (;;) {
      const before = this.file.size;
      try {
        const stitched = await this.receive();
        if (await this.isRight(stitched)) break;
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        await this.pause(error, this.file.size - before);
      }
    }
    const took = formatDuration(performance.now() - this.begun);
    onProgress(`${formatSize(this.file.size)} from ${new URL(source.url).host} (${took})`);
  }

  /** Receives the rest of the file. Resolves with whether the file now consists of several answers' parts. */
  private async receive(): Promise<boolean> {
    const { source, rules, signal } = this.task;
    const { file } = this;
    const answer = await openDownload(source.url, this.rangeHeaders(), rules, signal);
    try {
      // "Range not satisfiable": the whole file may be there, when an earlier daemon ended just before it was used.
      if (answer.status === 416 && file.size > 0) return true;
      this.checkStatus(answer);
      const stitched = answer.status === 206;
      if (!stitched) await file.restart(strongEtag(answer));
      await this.take(answer);
      return stitched;
    } finally {
      answer.close();
    }
  }

  private rangeHeaders(): Record<string, string> {
    const { size, etag } = this.file;
    if (size === 0) return {};
    return { range: `bytes=${size}-`, ...(etag === undefined ? {} : { 'if-range': etag }) };
  }

  private checkStatus({ status, headers }: Answer): void {
    const { host } = new URL(this.task.source.url);
    if (status === 200) return;
    if (status === 206 && this.file.size > 0) {
      if (new RegExp(`^bytes ${this.file.size}-`).test(headers['content-range'] ?? '')) return;
      throw new DcfError('FAILED_PRECONDITION', `${host} answered with another range of bytes than it was asked for`);
    }
    const message = `${host} answered with the status ${status}`;
    if (status >= 500 || laterStatuses.includes(status)) throw new TransientError(message);
    throw new DcfError('FAILED_PRECONDITION', message);
  }

  private async take(answer: Answer): Promise<void> {
    const { file } = this;
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : file.size + length;
    if (total !== undefined) this.checkSize(total);
    try {
      for await (const chunk of answer.chunks()) {
        this.checkSize(file.size + chunk.length);
        await file.append(chunk);
        this.tell(total);
      }
    } finally {
      await file.flush();
    }
    if (total !== undefined && file.size < total) throw new TransientError('the server ended the answer before the whole file had come');
  }

  private checkSize(bytes: number): void {
    const { maxBytes } = this.task.rules;
    if (bytes <= maxBytes) return;
    const limit = `this daemon takes ${formatSize(maxBytes)} at most (--max-resource-size)`;
    throw new DcfError('RESOURCE_EXHAUSTED', `it has ${formatSize(bytes)} or more; ${limit}`);
  }

  private async isRight(stitched: boolean): Promise<boolean> {
    const { digest } = this.task.source;
    const found = this.file.digest();
    if (found === digest) return true;
    this.mismatches += 1;
    // The parts may be of different versions of the file: download all of one version.
    if (!stitched || this.mismatches === maxMismatches) {
      throw new DcfError('INVALID_ARGUMENT', `it has the SHA-256 ${found}, but the manifest wants ${digest}`);
    }
    await this.file.restart(undefined);
    return false;
  }

  private async pause(error: TransientError, progress: number): Promise<void> {
    const { onProgress, signal } = this.task;
    this.failures = progress >= goodProgress ? 1 : this.failures + 1;
    const { size } = this.file;
    if (this.failures === maxTries) {
      const kept = size === 0 ? '' : `; ${formatSize(size)} are kept, and the next deploy continues from there`;
      throw new DcfError('FAILED_PRECONDITION', `${error.message}, ${maxTries} times in a row${kept}`);
    }
    const delayMs = this.backoff.delayAfter(0);
    onProgress(`${error.message}; the download continues from ${formatSize(size)} in ${formatDuration(delayMs)}`);
    await sleep(delayMs, undefined, { signal });
  }

  private tell(total: number | undefined): void {
    const { rules, onProgress } = this.task;
    const now = performance.now();
    if (now - this.toldAt < (rules.progressMs ?? defaultProgressMs)) return;
    this.toldAt = now;
    onProgress(`${formatSize(this.file.size)}${total === undefined ? '' : ` of ${formatSize(total)}`}`);
  }
}

/** The answer's ETag if it is a strong one, as If-Range needs, https://www.rfc-editor.org/rfc/rfc9110#name-if-range. */
function strongEtag({ headers }: Answer): string | undefined {
  return headers.etag?.startsWith('"') === true ? headers.etag : undefined;
}
