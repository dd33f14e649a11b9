import { type Manifest, parseManifestJson } from '@dcf/sdk/manifest';
import { checkPackagePath } from '@dcf/sdk/package';
import { DcfError, messageOf } from '../../core/errors.js';
import { asList, asRecord, asText, asWhole, showJson } from '../../core/json.js';
import { type FunctionName, isDigest, isRevisionId, type RevisionId } from '../../core/names.js';
import type { Release } from '../model/release.js';
import type { RevisionFile } from '../model/revision.js';
import { decodeRelease } from './decode-release.js';

/** One revision in `function.json`. */
export interface RevisionState {
  readonly id: RevisionId;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly manifest: Manifest;
  readonly files: readonly RevisionFile[];
}

/** The content of `function.json`. */
export interface FunctionState extends Release {
  /** The revision that was activated last comes last. */
  readonly revisions: readonly RevisionState[];
}

const version = 1;

/** Makes the text of `function.json`. It has the manifests as the users gave them; defaults are added again when it is read. */
export function encodeState(name: FunctionName, state: FunctionState): string {
  const { active, aliases, traffic, history, scale, maxErrorRate, canaryStop } = state;
  const revisions = state.revisions.map(({ id, createdAt, manifest, files }) => ({ id, createdAt, manifest: manifest.given, files }));
  const content = { version, name, active, aliases, traffic, history, scale, maxErrorRate, canaryStop, revisions };
  return `${JSON.stringify(content, undefined, 1)}\n`;
}

/**
 * Reads `function.json`.
 *
 * @param path - path of the file, for messages
 * @throws DcfError DATA_LOSS that says what is wrong and where
 */
export function decodeState(text: string, name: FunctionName, path: string): FunctionState {
  try {
    const root = asRecord(JSON.parse(text), 'the content');
    if (root['version'] !== version) throw new Error(`version is ${showJson(root['version'])}; this daemon reads version ${version}`);
    if (root['name'] !== name) throw new Error(`name is ${showJson(root['name'])}, but the file is in the folder of ${name}`);
    const revisions = asList(root['revisions'], 'revisions').map((value, index) => decodeRevision(value, name, `revisions[${index}]`));
    return { ...decodeRelease(root, revisions), revisions };
  } catch (error) {
    throw new DcfError('DATA_LOSS', `${path} is damaged: ${messageOf(error)}; deploy the function again, or delete it`, { cause: error });
  }
}

function decodeRevision(value: unknown, name: FunctionName, place: string): RevisionState {
  const record = asRecord(value, place);
  const manifest = parseManifestJson(JSON.stringify(asRecord(record['manifest'], `${place}.manifest`)));
  if (manifest.name !== name) throw new Error(`${place}.manifest.name is ${showJson(manifest.name)}; it must be ${name}`);
  return {
    id: asText(record['id'], `${place}.id`, isRevisionId),
    createdAt: asWhole(record['createdAt'], `${place}.createdAt`),
    manifest,
    files: asList(record['files'], `${place}.files`).map((file, index) => decodeFile(file, `${place}.files[${index}]`)),
  };
}

function decodeFile(value: unknown, place: string): RevisionFile {
  const record = asRecord(value, place);
  return {
    path: asText(record['path'], `${place}.path`, isSafePath),
    mode: asWhole(record['mode'], `${place}.mode`),
    size: asWhole(record['size'], `${place}.size`),
    sha256: asText(record['sha256'], `${place}.sha256`, isDigest),
  };
}

function isSafePath(path: string): path is string {
  return checkPackagePath(path) === undefined;
}
