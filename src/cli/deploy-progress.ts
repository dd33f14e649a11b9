import type { DeployProgress } from '@dcf/sdk/control';
import { formatSize } from '@dcf/sdk/manifest';
import type { StepView } from './steps.js';

const uploadStep = 'upload';

/** Turns what a deploy tells into the steps that a user sees; the daemon's `receive` is the user's `upload`. */
export class DeployProgressReader {
  /** The Handler's own stack, once the daemon has told it. */
  stack: string | undefined;
  /** Bytes that the daemon did not have. */
  uploadedBytes = 0;
  readonly #view: StepView;
  #uploading = true;

  constructor(view: StepView) {
    this.#view = view;
    view.begin(uploadStep);
  }

  read(progress: DeployProgress): void {
    switch (progress.kind) {
      case 'upload':
        this.#upload(progress.sent, progress.total);
        break;
      case 'step':
        this.#step(progress);
        break;
      case 'output':
        this.#view.line(progress.line);
        break;
      case 'warning':
        this.#view.warn(progress.text);
        break;
      case 'stack':
        this.stack = progress.stack;
        break;
    }
  }

  /** The deploy has ended well. */
  finish(): void {
    this.#endUpload();
  }

  #upload(sent: number, total: number): void {
    this.uploadedBytes = total;
    if (this.#uploading && total > 0) this.#view.progress(sent / total, `${formatSize(sent)} of ${formatSize(total)}`);
  }

  #step({ name, done, detail }: Extract<DeployProgress, { kind: 'step' }>): void {
    if (name === 'receive') {
      if (done) this.#endUpload();
      return;
    }
    this.#endUpload();
    if (done) this.#view.end(detail);
    else this.#view.begin(name);
  }

  #endUpload(): void {
    if (!this.#uploading) return;
    this.#uploading = false;
    this.#view.end(this.uploadedBytes === 0 ? 'nothing new to send' : `${formatSize(this.uploadedBytes)} new`);
  }
}
