import type { DeployProgress } from '@dcf/sdk/control';
import { formatSize } from '@dcf/sdk/units';
import type { StepView } from '../terminal/steps.js';
import { ChangeProgressReader } from './change.js';

const uploadStep = 'upload';

/** Turns what a deploy tells into the steps that a user sees; the daemon's `receive` is the user's `upload`. */
export class DeployProgressReader extends ChangeProgressReader {
  /** Bytes that the daemon did not have. */
  uploadedBytes = 0;
  #uploading = true;

  constructor(view: StepView) {
    super(view);
    view.begin(uploadStep);
  }

  override read(progress: DeployProgress): void {
    if (progress.kind === 'upload') this.#upload(progress.sent, progress.total);
    else super.read(progress);
  }

  /** The deploy has ended well. */
  finish(): void {
    this.#endUpload();
  }

  protected override step(step: Extract<DeployProgress, { kind: 'step' }>): void {
    if (step.name !== 'receive') {
      this.#endUpload();
      super.step(step);
    } else if (step.done) {
      this.#endUpload();
    }
  }

  #upload(sent: number, total: number): void {
    this.uploadedBytes = total;
    if (this.#uploading && total > 0) this.view.progress(sent / total, `${formatSize(sent)} of ${formatSize(total)}`);
  }

  #endUpload(): void {
    if (!this.#uploading) return;
    this.#uploading = false;
    this.view.end(this.uploadedBytes === 0 ? 'nothing new to send' : `${formatSize(this.uploadedBytes)} new`);
  }
}
