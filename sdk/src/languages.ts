/** Keys of a manifest that only functions in some languages may have. */
export type LanguageKey = 'python' | 'initializer';

/** The properties of a language that matter for reading a manifest and packing a folder. */
interface Language {
  /** The language's name for people. */
  readonly title: string;
  /** The default of the manifest's `handler`. */
  readonly handler: string;
  /** The extensions of its source files. The first one is that of a handler in the form `module.name`. */
  readonly extensions: readonly string[];
  /** Whether `handler` may have the form of other platforms: `index.handler` means `index.py#handler`. */
  readonly dottedHandlers: boolean;
  /** The keys of the manifest that only some languages have, and this one has. */
  readonly keys: readonly LanguageKey[];
  /** Whether the handler and its imports are packed as one JavaScript file, except for packages of package.json and the platform's own. */
  readonly bundled: boolean;
  /**
   * Whether functions bring their own libraries for execution providers. The daemon tests those of onnxruntime-node only, so it does not
   * know whether others work.
   */
  readonly ownProviders: boolean;
  /** The module that runs a function in a test. */
  readonly testing: string;
}

/**
 * The languages of functions, by the manifest's `runtime`: what reading a manifest and packing a folder need, also where there is no daemon.
 * Add one here, and the compiler asks for the line in src/languages/languages.ts that says how a host runs it.
 */
const languages = {
  node: {
    title: 'Node',
    handler: 'handler.ts',
    extensions: ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx'],
    dottedHandlers: false,
    keys: [],
    bundled: true,
    ownProviders: false,
    testing: '@dcf/sdk/testing',
  },
  python: {
    title: 'Python',
    handler: 'handler.py',
    extensions: ['.py'],
    dottedHandlers: true,
    keys: ['python', 'initializer'],
    bundled: false,
    ownProviders: true,
    testing: 'dcf_worker.testing',
  },
} as const satisfies Record<string, Language>;

/** The packages that every function may import without installing them: the platform puts its own copies beside the function. */
export const platformPackages: readonly string[] = ['@dcf/sdk', 'onnxruntime-node', 'sharp'];

/** The name of a runtime, as in the manifest's `runtime`. */
export type RuntimeName = keyof typeof languages;

/** Whether a text is the name of a runtime. */
function isRuntimeName(text: string): text is RuntimeName {
  return Object.hasOwn(languages, text);
}

/** The names of all runtimes, the default one first. */
export const runtimeNames: readonly RuntimeName[] = Object.keys(languages).filter(isRuntimeName);

/** The language of a runtime. */
export function languageOf(runtime: RuntimeName): Language {
  return languages[runtime];
}
