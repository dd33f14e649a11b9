import { lstat, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type LanguageTemplates, placeOf, schemaFile } from '../shared/language-templates.js';

/** The packages whose types a Handler in TypeScript is checked against. */
const typedPackages = ['@dcf/sdk', '@types/node'] as const;

const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  types: ['node'],
};

const hello = `import type { Context, Request } from '@dcf/sdk';

/** Built once for each worker; \`call\` then runs for every call. */
export class Handler {
  readonly #greeting: string;

  constructor(context: Context) {
    this.#greeting = String(context.parameters['greeting']);
  }

  call(request: Request): string {
    const name = request.text().trim();
    return \`\${this.#greeting}, \${name === '' ? 'world' : name}!\\n\`;
  }
}
`;

const json = `import { DcfError, type Request } from '@dcf/sdk';

/** Built once for each worker; \`call\` then runs for every call. */
export class Handler {
  call(request: Request): { count: number; sum: number } {
    const values = request.json();
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'number')) {
      throw new DcfError('INVALID_ARGUMENT', 'send a JSON list of numbers');
    }
    return { count: values.length, sum: values.reduce((sum, value) => sum + value, 0) };
  }
}
`;

/**
 * The files that editors and the TypeScript compiler need in the folder of a Node function, by path. They are not sent. package.json names the
 * SDK of this `dcf` by its path, so that "npm install" works without a registry that has the SDK.
 */
function typeScriptFiles(name: string): Record<string, string> {
  const manifest = {
    name,
    private: true,
    type: 'module',
    scripts: { check: 'tsc' },
    devDependencies: { '@dcf/sdk': `file:${placeOf('@dcf/sdk')}`, '@types/node': '>=20', typescript: '>=5.6' },
  };
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify({ compilerOptions, include: ['**/*.ts'] }, null, 2)}\n`,
    '.gitignore': 'node_modules/\n',
  };
}

/** Links the packages with types into node_modules, as "npm install" would, so that editors find them at once. Existing ones stay. */
async function linkTypes(folder: string): Promise<void> {
  for (const name of typedPackages) {
    const link = join(folder, 'node_modules', name);
    if ((await lstat(link).catch(() => undefined)) !== undefined) continue;
    await mkdir(dirname(link), { recursive: true });
    await symlink(placeOf(name), link, 'dir');
  }
}

/** The files of new functions in TypeScript. */
export const nodeTemplates: LanguageTemplates = {
  file: 'handler.ts',
  sources: { hello, json },
  schema: `./node_modules/@dcf/sdk/dist/${schemaFile}`,
  editorFiles: typeScriptFiles,
  finish: linkTypes,
};
