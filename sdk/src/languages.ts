/** Keys of a manifest that only functions in some languages may have. */
export type LanguageKey = 'python' | 'initializer';

/** What reading a manifest and packing a folder depend on in a language. */
interface Language {
  /** What people call it. */
  readonly title: string;
  /** The handler of a manifest that names none. */
  readonly handler: string;
  /** What the names of its source files end in; the first is that of a handler which is named as `module.name`. */
  readonly extensions: readonly string[];
  /** Whether a handler may be named as other platforms do: `index.handler` is `index.py#handler`. */
  readonly dottedHandlers: boolean;
  readonly keys: readonly LanguageKey[];
  /** Whether the handler and what it imports are packed as one JavaScript file, whose other imports lie in node_modules. */
  readonly bundled: boolean;
  /**
   * Whether its functions bring their own libraries for execution providers. The daemon tries those of onnxruntime-node, which says
   * nothing of others.
   */
  readonly ownProviders: boolean;
  /** What runs its functions in a test. */
  readonly testing: string;
}

/**
 * The languages of functions, by the manifest's `runtime`. One more here, and the compiler asks for the rest of it: how it is run
 * (src/process/runtimes.ts), what is installed for it (src/registry/install/planners.ts), what `dcf init` writes (src/cli/templates/templates.ts).
 */
export const languages = {
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

/** What runs a function: the manifest's `runtime`. */
export type RuntimeName = keyof typeof languages;

/** Whether a text names a runtime. */
function isRuntimeName(text: string): text is RuntimeName {
  return Object.hasOwn(languages, text);
}

/** All runtimes, the default first. */
export const runtimeNames: readonly RuntimeName[] = Object.keys(languages).filter(isRuntimeName);

/** What a language asks of manifests and packing. */
export function languageOf(runtime: RuntimeName): Language {
  return languages[runtime];
}
