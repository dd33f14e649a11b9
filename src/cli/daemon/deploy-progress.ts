import type { DeployProgress } from '@dcf/sdk/control';
import { formatSize } from '@dcf/sdk/units';
import type { StepView } from '../terminal/steps.js';
import { ChangeProgressReader } from './change.js';

const uploadStep = 'upload';

/** Shows the steps of a deploy. The daemon's step `receive` is shown as `upload`. */
export class DeployProgressReader extends ChangeProgressReader {
  /** Bytes of the blobs that the daemon did not have. */
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

  /** Ends the steps of a deploy that has succeeded. */
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
