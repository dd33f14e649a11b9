import { manifestSchemaText, schemaComment, typeScriptFiles } from './editor-files.js';

export const runtimes = ['node', 'python'] as const;
export type Runtime = (typeof runtimes)[number];
export const templates = ['hello', 'json'] as const;
export type Template = (typeof templates)[number];

const nodeHello = `import type { Context, Request } from '@dcf/sdk';

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

const nodeJson = `import { DcfError, type Request } from '@dcf/sdk';

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

const pythonHello = `class Handler:
    """Built once for each worker; called for every call."""

    def __init__(self, parameters=None):
        self.greeting = (parameters or {}).get("greeting", "Hello")

    def __call__(self, req):
        name = req.input.decode("utf-8").strip() or "world"
        return f"{self.greeting}, {name}!\\n"
`;

const pythonJson = `import json


class Handler:
    """Built once for each worker; called for every call."""

    def __call__(self, req):
        values = json.loads(req.input)
        if not isinstance(values, list) or not all(isinstance(value, (int, float)) for value in values):
            raise ValueError("send a JSON list of numbers")
        return {"count": len(values), "sum": sum(values)}
`;

const sources = {
  node: { file: 'handler.ts', hello: nodeHello, json: nodeJson },
  python: { file: 'handler.py', hello: pythonHello, json: pythonJson },
} as const;

const examples = {
  hello: { file: 'examples/hello.txt', content: 'Ada\n', does: 'Greets who is named in the input.' },
  json: { file: 'examples/numbers.json', content: '[1, 2, 3.5]\n', does: 'Counts and adds up a JSON list of numbers.' },
} as const;

const unneeded = ['README.md', 'examples/', 'package-lock.json'];

const schemaFile = 'function.schema.json';
/** Where the schema of function.yaml is, from the function's folder: with the types, or beside it where there are none. */
const schemaPaths = { node: `./node_modules/@dcf/sdk/dist/${schemaFile}`, python: `./${schemaFile}` } as const;

/**
 * The files of a new function, by path, and which of them is an input to try it with.
 *
 * @param name - a function's name, checked already
 */
export function templateFiles(name: string, runtime: Runtime, template: Template): { files: Record<string, string>; example: string } {
  const source = sources[runtime];
  const { file: example, content, does } = examples[template];
  const editor = runtime === 'node' ? typeScriptFiles(name) : { [schemaFile]: manifestSchemaText() };
  const files = {
    'function.yaml': schemaComment(schemaPaths[runtime]) + manifest(name, does, runtime, source.file, template),
    [source.file]: source[template],
    '.dcfignore': `# What the function does not need (gitignore syntax).\n${[...unneeded, ...Object.keys(editor)].join('\n')}\n`,
    [example]: content,
    'README.md': readme(name, does, example),
    ...editor,
  };
  return { files, example };
}

function manifest(name: string, does: string, runtime: Runtime, handler: string, template: Template): string {
  const parameters =
    template === 'hello'
      ? 'parameters:              # given to the Handler; dcf deploy --set parameters.greeting=Hi\n  greeting: Hello\n'
      : '';
  return `name: ${name}
description: ${does}
runtime: ${runtime}
handler: ${handler}      # exports class Handler
${parameters}replicas: { min: 1, max: 1 }
concurrency: 1           # calls in flight in one Handler
timeout: 30s             # of a call
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
