import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { packageDirectory } from '../../core/platform-packages.js';

/** What a new function does. */
export const templates = ['hello', 'json'] as const;
export type Template = (typeof templates)[number];

/** How functions in a language begin, and how they are worked on. */
export interface LanguageTemplates {
  /** The handler's file. */
  readonly file: string;
  /** What is in it. */
  readonly sources: Readonly<Record<Template, string>>;
  /** Where the schema of function.yaml is, from the function's folder. */
  readonly schema: string;
  /** What editors and compilers need in the folder of a function, by path. None of it is sent. */
  readonly editorFiles: (name: string) => Record<string, string>;
  /** What is to be done once the files are there. */
  readonly finish: (folder: string) => Promise<void>;
}

export const schemaFile = 'function.schema.json';

/** The JSON schema of function.yaml, as the SDK ships it. */
export function manifestSchemaText(): string {
  return readFileSync(join(placeOf('@dcf/sdk'), 'dist', schemaFile), 'utf8');
}

/** Where one of the platform's packages really is; absolute. */
export function placeOf(name: string): string {
  return realpathSync(packageDirectory(name));
}
