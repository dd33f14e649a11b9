import { parseArgs } from 'node:util';
import { DcfError, messageOf } from '@dcf/sdk/errors';

export const parts = ['cpu', 'webgpu', 'cuda', 'torch'] as const;
export type Part = (typeof parts)[number];

export interface CheckOptions {
  /** What is measured, in this order. */
  only: readonly Part[];
  /** Seconds that each load takes. */
  seconds: number;
  /** A model and loads so small that all is over in seconds: to test the check itself. */
  quick: boolean;
  /** Seconds for everything. */
  limit: number;
  /** Python with PyTorch; found by itself otherwise. */
  python: string | undefined;
  /** The folder of a CUDA provider, when it is not installed in node_modules. */
  cuda: string | undefined;
  /** Libraries that the host may lack, such as Vulkan's loader. */
  libraries: string | undefined;
}

export const usage = `usage: gpu-check [--only ${parts.join(',')}] [--seconds 3] [--quick] [--limit 480] [--python PROGRAM] [--cuda DIR] [--libraries DIR]`;

/** Throws a DcfError INVALID_ARGUMENT with the usage when the arguments are not as they should be. */
export function readOptions(argv: readonly string[]): CheckOptions {
  const { values } = parse(argv);
  const quick = values.quick ?? false;
  const named = (values.only ?? parts.join(',')).split(',');
  const only = parts.filter((part) => named.includes(part));
  const unknown = named.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new DcfError('INVALID_ARGUMENT', `--only has no part "${unknown}"; ${usage}`);
  const { python, cuda, libraries } = values;
  const seconds = positive('--seconds', values.seconds ?? (quick ? '0.3' : '3'));
  return { only, seconds, quick, limit: positive('--limit', values.limit ?? '480'), python, cuda, libraries };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    only: text,
    seconds: text,
    quick: { type: 'boolean' },
    limit: text,
    python: text,
    cuda: text,
    libraries: text,
  } as const;
  try {
    return parseArgs({ args: [...argv], options });
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `${messageOf(error)}; ${usage}`, { cause: error });
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new DcfError('INVALID_ARGUMENT', `${name} is "${text}": it must be a number of seconds above 0`);
}
