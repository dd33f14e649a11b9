import { cpSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Override } from '@dcf/sdk/manifest';
import { repositoryPath, temporaryFolder } from '../harness/paths.js';
import type { Scope } from '../harness/scope.js';
import { randomNumbers, resnet50, writeResnet } from './resnet.js';

/** A function with a model, and what it is called with. */
export interface MeasuredModel {
  name: string;
  /** Its folder. */
  folder: string;
  model: string;
  side: number;
  channels: number;
  input: Uint8Array;
  maxBatch: number;
  overrides: readonly Override[];
}

const small = { width: 4, side: 64 };

/** `digits`, and a network of ResNet-50's size, which is written into a folder that goes with the scope. */
export async function prepareModels(scope: Scope, quick: boolean): Promise<MeasuredModel[]> {
  const digits = repositoryPath('functions/digits');
  const folder = join(await temporaryFolder(scope), 'resnet');
  const size = quick ? small : resnet50;
  cpSync(repositoryPath('bench/functions/resnet'), folder, { recursive: true });
  await writeFile(join(folder, 'model.onnx'), writeResnet(size));
  const random = randomNumbers(3);
  const picture = Uint8Array.from({ length: 3 * size.side ** 2 }, () => random() * 256);
  const picked = readFileSync(join(digits, 'examples/2-small.png'));
  return [
    { name: 'digits', folder: digits, model: join(digits, 'model.onnx'), side: 28, channels: 1, input: picked, maxBatch: 8, overrides: [] },
    {
      name: 'resnet',
      folder,
      model: join(folder, 'model.onnx'),
      side: size.side,
      channels: 3,
      input: picture,
      maxBatch: 8,
      overrides: [{ path: ['parameters', 'side'], value: size.side }],
    },
  ];
}

/** The function python-classifier without its list of packages: they come from the Python that has PyTorch. */
export async function classifierFolder(scope: Scope): Promise<{ folder: string; input: Uint8Array }> {
  const folder = join(await temporaryFolder(scope), 'python-classifier');
  const from = repositoryPath('functions/python-classifier');
  cpSync(from, folder, { recursive: true, filter: (path) => !path.endsWith('requirements.txt') });
  return { folder, input: readFileSync(join(from, 'examples/seven.png')) };
}
