import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../../src/core/errors.js';
import { cleanUp, type Owner } from '../cleanup.js';

/** A file system of a few megabytes that can be filled. */
export class SmallDisk {
  private readonly filler: string;

  private constructor(readonly folder: string) {
    this.filler = join(folder, 'filler');
  }

  /** Why there can be none here; `undefined` where there can. */
  static problem(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux, and root to mount a file system';
    const folder = mkdtempSync(join(tmpdir(), 'dcf-test-'));
    const mounted = mount(folder, 2 ** 20);
    if (mounted) unmount(folder);
    rmdirSync(folder);
    return mounted ? undefined : 'needs to mount a file system, which this host does not allow';
  }

  /** Mounts one of so many bytes; it goes with its owner. */
  static open(owner: Owner, bytes: number): SmallDisk {
    const folder = mkdtempSync(join(tmpdir(), 'dcf-test-'));
    if (!mount(folder, bytes)) throw new Error(`no file system could be mounted at ${folder}`);
    cleanUp(owner, () => {
      unmount(folder);
      rmdirSync(folder);
    });
    return new SmallDisk(folder);
  }

  /** Leaves no more than so many bytes free. */
  fill(freeBytes = 0): void {
    this.free();
    const { bavail, bsize } = statfsSync(this.folder);
    try {
      writeFileSync(this.filler, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
    } catch (error) {
      // The daemon has written something in between: it is as full as it gets.
      if (errorCode(error) !== 'ENOSPC') throw error;
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.filler, { force: true });
  }
}

function mount(folder: string, bytes: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' }).status === 0;
}

function unmount(folder: string): void {
  const { status, stderr } = spawnSync('umount', [folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${folder} could not be unmounted: ${stderr}`);
}
