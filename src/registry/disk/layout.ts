import { join } from 'node:path';
import type { Digest, FunctionName, RevisionId } from '../../core/names.js';

/** The paths in a data directory. "State on disk" in docs/architecture.md explains them. */
export class Layout {
  /** @param root - the data directory, absolute */
  constructor(readonly root: string) {}

  get functions(): string {
    return join(this.root, 'functions');
  }

  get blobs(): string {
    return join(this.root, 'blobs', 'sha256');
  }

  function(name: FunctionName): string {
    return join(this.functions, name);
  }

  state(name: FunctionName): string {
    return join(this.functions, name, 'function.json');
  }

  callCounts(name: FunctionName): string {
    return join(this.functions, name, 'calls.json');
  }

  revision(name: FunctionName, id: RevisionId): string {
    return join(this.functions, name, id);
  }
}

/** The folder of all installed packages. */
export function dependenciesDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'dependencies');
}

/** The folder of one set of installed packages, which all revisions with the same dependencies share. */
export function dependencyDirectory(dataDirectory: string, digest: Digest): string {
  return join(dependenciesDirectory(dataDirectory), digest);
}

/** The path of the installer's output. It is beside the revision's folder, because the package may have a file of any name. */
export function buildLogOf(revisionDirectory: string): string {
  return `${revisionDirectory}.build.log`;
}
