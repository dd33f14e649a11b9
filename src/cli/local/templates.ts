import type { RuntimeName } from '@dcf/sdk/languages';
import { templatesOf } from '../../languages/languages.js';
import type { Template } from '../../languages/shared/language-templates.js';

const examples = {
  hello: { file: 'examples/hello.txt', content: 'Ada\n', does: 'Greets the person whose name is the input.' },
  json: { file: 'examples/numbers.json', content: '[1, 2, 3.5]\n', does: 'Counts and adds up a JSON list of numbers.' },
} as const;

const unneeded = ['README.md', 'examples/', 'package-lock.json'];

/**
 * Makes the files of a new function, by path.
 *
 * @param name - the function's name, which must be valid
 * @returns the files, and the path of the one that is an example of an input
 */
export function templateFiles(name: string, runtime: RuntimeName, template: Template): { files: Record<string, string>; example: string } {
  const { file, sources, schema, editorFiles } = templatesOf(runtime);
  const { file: example, content, does } = examples[template];
  const editor = editorFiles(name);
  const files = {
    'function.yaml': `# yaml-language-server: $schema=${schema}\n${manifest(name, does, runtime, file, template)}`,
    [file]: sources[template],
    '.dcfignore': `# What the function does not need (gitignore syntax).\n${[...unneeded, ...Object.keys(editor)].join('\n')}\n`,
    [example]: content,
    'README.md': readme(name, does, example),
    ...editor,
  };
  return { files, example };
}

/** Finishes the folder of a new function after its files have been written. */
export function finishFolder(folder: string, runtime: RuntimeName): Promise<void> {
  return templatesOf(runtime).finish(folder);
}

function manifest(name: string, does: string, runtime: RuntimeName, handler: string, template: Template): string {
  const parameters =
    template === 'hello'
      ? 'parameters:              # for the Handler; change them with dcf deploy --set parameters.greeting=Hi\n  greeting: Hello\n'
      : '';
  return `name: ${name}
description: ${does}
runtime: ${runtime}
handler: ${handler}      # exports the class Handler
${parameters}replicas: { min: 1, max: 1 }
concurrency: 1           # calls at the same time in one Handler
timeout: 30s             # time limit of a call
`;
}

function readme(name: string, does: string, example: string): string {
  return `# ${name}

${does} From the folder above this one:

\`\`\`sh
dcf run ${name} --input ${name}/${example}
dcf deploy ${name}
dcf invoke ${name} --input ${name}/${example}
\`\`\`
`;
}
