import { z } from 'zod';
import { languageOf, type RuntimeName, runtimeNames } from '../languages.js';
import { type FunctionName, functionNamePattern, functionNameProblem, isFunctionName } from '../names.js';
import { batchDelay, count, debianPackagePattern, duration, identifier, labels, memorySize, resource, secret, size } from './fields.js';
import { environmentProblems, languageProblems, resourceProblems, secretProblems } from './key-checks.js';

/** Brands a name whose pattern was checked, so that code which gets a parsed manifest need not check it again. */
function toFunctionName(text: string): FunctionName {
  if (!isFunctionName(text)) throw new TypeError(functionNameProblem(text));
  return text;
}

/** The execution providers that a manifest may name. */
export const providerNames = ['cpu', 'cuda', 'tensorrt', 'webgpu'] as const;
export type ProviderName = (typeof providerNames)[number];

/** Bytes of the parameters as JSON. Parameters and the paths of resources go to a worker in one header, which has 64 KiB. */
const maxParametersLength = 32 * 1024;
const maxResources = 32;
/** Number of secrets. Linux allows about 2 MiB of environment variables, and a secret may have 64 KiB. */
const maxSecrets = 16;
const tooLarge = 'at most 32 KiB as JSON; put more into a resource';

function fitsHeader(parameters: object): boolean {
  return Buffer.byteLength(JSON.stringify(parameters)) <= maxParametersLength;
}

const pythonAllowed = 'a version in quotes, such as "3.12": without quotes 3.10 would be 3.1';

const handlerPattern = /^[^#\0\\]+(#[A-Za-z_$][\w$]*)?$/;

/**
 * The manifest of a function, `function.yaml`. The input type is what a user writes; the output has every default filled
 * in, durations in milliseconds and sizes in bytes.
 */
export const manifestSchema = z
  .strictObject({
    name: z
      .string()
      .regex(functionNamePattern, "lower-case letters, digits and '-', beginning with a letter, 63 characters at most")
      .transform(toFunctionName)
      .describe('The name by which callers call the function.'),
    description: z.string().max(1000).default('').describe('One line for people.'),
    labels: labels('Labels for tools that sort functions. They are kept and shown, and have no effect.'),
    annotations: labels('Notes for people and tools. They are kept and shown, and have no effect.'),
    runtime: z.enum(runtimeNames).default('node').describe('The language runtime of the handler.'),
    handler: z
      .string()
      .regex(handlerPattern, 'a file of the folder, and after # the name of its export, such as handler.ts#Handler')
      .optional()
      .describe(
        'The file with the Handler. The default is handler.ts, in Python handler.py. #Name names an export other than Handler. Python: index.handler means index.py#handler.',
      ),
    initializer: z
      .string()
      .regex(handlerPattern, 'a file of the folder, and after # the name of a function, such as index.py#initializer or index.initializer')
      .optional()
      .describe('Python only: a function that is called once with the context before the Handler is built.'),
    python: z
      .string(pythonAllowed)
      .regex(/^3\.\d{1,2}$/, pythonAllowed)
      .optional()
      .describe(
        'The version of Python that the function needs, in quotes: "3.12" is python3.12 on the PATH of the daemon. The default is --python of dcfd.',
      ),
    parameters: z
      .record(z.string(), z.json())
      .default({})
      .refine(fitsHeader, tooLarge)
      .describe('Values for the Handler, in context.parameters.'),
    environment: z.record(identifier, z.string()).default({}).describe('Environment variables of the replicas; values are texts.'),
    secrets: z
      .array(secret)
      .refine((given) => given.length <= maxSecrets, `${maxSecrets} at most`)
      .default([])
      .describe(
        'Secrets whose values are set on the daemon. Each comes as a variable, or with file: true as a file whose path is in NAME_FILE.',
      ),
    resources: z
      .record(identifier, resource)
      .refine((given) => Object.keys(given).length <= maxResources, `${maxResources} at most; a folder counts as one`)
      .default({})
      .describe('Weights and other large files or folders, by name: a path in the folder, or { source, sha256 }.'),
    packages: z
      .strictObject({
        apt: z
          .array(z.string().regex(debianPackagePattern, 'the name of a Debian package, such as libgl1'))
          .max(100)
          .default([])
          .describe('Debian packages that the host must have.'),
      })
      .prefault({})
      .describe('What the system has to provide.'),
    replicas: z
      .strictObject({
        min: count(0, 1024, 1, 'The number of replicas that run also without load. 0: the first call starts one.'),
        max: z.int().min(1).max(1024).optional().describe('The largest number of replicas. The default is min, and at least 1.'),
        idleTimeout: duration('5m', 'How long a replica above min may be idle before it ends.'),
      })
      .prefault({})
      .describe('How many processes run the function.'),
    threads: count(1, 256, 1, 'The number of workers in a replica, each with a Handler of its own.'),
    concurrency: count(1, 4096, 1, 'The largest number of calls in flight in one Handler.'),
    batch: z
      .strictObject({
        maxSize: count(1, 4096, 1, 'The largest number of calls given to callBatch at once.'),
        maxDelay: batchDelay,
      })
      .prefault({})
      .describe('Calls run together.'),
    queue: z
      .strictObject({ maxSize: count(0, 1_000_000, 256, 'The largest number of waiting calls. Further calls are refused at once.') })
      .prefault({})
      .describe('Calls that no worker has room for yet.'),
    timeout: duration('30s', 'The time limit of a call, including its time in the queue. For a stream: how long nothing may move.'),
    initTimeout: duration('5m', 'The time limit for building the Handler.'),
    limits: z
      .strictObject({
        memory: memorySize(
          'The memory limit of a replica with everything that it starts. A replica over it is ended. The default is no limit.',
        ),
        payload: size('64MiB', 'The largest input or output of one call; for a stream, of one chunk.'),
        gpu: count(0, 64, 0, 'The number of GPUs for each replica.'),
      })
      .prefault({})
      .describe('What a replica may use.'),
    recycle: z
      .strictObject({
        maxCalls: z.int().min(1).optional().describe('The number of calls after which a replica is replaced. The default is never.'),
        maxMemory: memorySize('The memory above which a replica is replaced, between two calls. The default is never.'),
      })
      .prefault({})
      .describe('When a replica is replaced by a fresh one. The default is never.'),
    isolation: z
      .enum(['process', 'sandbox'])
      .default('process')
      .describe('process: as any process of the daemon’s user. sandbox: sees only its own files and processes (bubblewrap).'),
    network: z.boolean().optional().describe('Whether a sandbox has the network. The default is false; a process always has it.'),
    providers: z
      .array(z.enum(providerNames))
      .min(1)
      .default(['cuda', 'cpu'])
      .describe('Execution providers in order of preference. No other provider is used.'),
    callLog: z.boolean().default(true).describe('Whether each call gets a line in the log of the function.'),
    update: z
      .enum(['rolling', 'recreate'])
      .default('rolling')
      .describe('rolling: the new revision starts before the old one stops. recreate: after it.'),
  })
  .superRefine((manifest, check) => {
    const { min, max } = manifest.replicas;
    if (max !== undefined && max < min) {
      check.addIssue({ code: 'custom', path: ['replicas', 'max'], message: `at least replicas.min, which is ${min}` });
    }
    if (manifest.network === false && manifest.isolation === 'process') {
      check.addIssue({
        code: 'custom',
        path: ['network'],
        message: 'true, as only isolation: sandbox can keep a function off the network',
      });
    }
    const problems = [
      ...languageProblems(manifest),
      ...environmentProblems(manifest.environment),
      ...secretProblems(manifest),
      ...resourceProblems(manifest.resources),
    ];
    for (const { path, message } of problems) {
      check.addIssue({ code: 'custom', path, message });
    }
  })
  .transform((manifest) => ({
    ...manifest,
    network: manifest.network ?? manifest.isolation === 'process',
    handler: compileHandler(manifest.handler, manifest.runtime),
    python: manifest.python,
    initializer: manifest.initializer === undefined ? undefined : compileHandler(manifest.initializer, manifest.runtime),
    replicas: { ...manifest.replicas, max: manifest.replicas.max ?? Math.max(1, manifest.replicas.min) },
  }));

/** The form in which other platforms name a function of a module. */
const dottedPattern = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(?<!\.(py|[cm]?[jt]sx?))$/;

function compileHandler(given: string | undefined, runtime: RuntimeName) {
  const { handler, dottedHandlers, extensions } = languageOf(runtime);
  if (dottedHandlers && given !== undefined && dottedPattern.test(given)) {
    const dot = given.lastIndexOf('.');
    return { path: `${given.slice(0, dot).replaceAll('.', '/')}${extensions[0]}`, name: given.slice(dot + 1) };
  }
  const [path = '', name = 'Handler'] = (given ?? handler).split('#');
  return { path, name };
}

/** A manifest as a user writes it. */
export type ManifestInput = z.input<typeof manifestSchema>;
/** What a user wrote, as a JSON object with nothing filled in. */
export type GivenManifest = Readonly<Record<string, unknown>>;
/** A manifest that is ready for use: every default is filled in, durations are in milliseconds, sizes in bytes. */
export interface Manifest extends z.output<typeof manifestSchema> {
  /** What the user wrote. Packages and the registry hold this, and the id of a revision depends on it. */
  readonly given: GivenManifest;
}

/** The JSON schema of `function.yaml`, for editors. */
export function manifestJsonSchema(): object {
  return z.toJSONSchema(manifestSchema, { io: 'input', target: 'draft-7' });
}
