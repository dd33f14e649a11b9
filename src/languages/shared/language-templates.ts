import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from '../../core/platform-packages.js';

/** The examples for a new function: text in and out, or JSON in and out. */
export const templates = ['hello', 'json'] as const;
export type Template = (typeof templates)[number];

/** The files of a new function in a language. */
export interface LanguageTemplates {
  /** The path of the handler's file. */
  readonly file: string;
  /** The content of the handler's file. */
  readonly sources: Readonly<Record<Template, string>>;
  /** The path of the schema of function.yaml, relative to the function's folder. */
  readonly schema: string;
  /** Makes the files that editors and compilers need in the function's folder, by path. They are not sent. */
  readonly editorFiles: (name: string) => Record<string, string>;
  /** Finishes the folder after its files have been written. */
  readonly finish: (folder: string) => Promise<void>;
}

export const schemaFile = 'function.schema.json';

/** The text of the SDK's JSON schema for function.yaml. */
export function manifestSchemaText(): string {
  return readFileSync(join(placeOf('@dcf/sdk'), 'dist', schemaFile), 'utf8');
}

/** The absolute path of one of the platform's packages, without symbolic links. */
export function placeOf(name: string): string {
  return realpathSync(packageDirectory(name));
}
