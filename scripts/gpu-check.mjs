// Tries the GPU of this host with what is built here; docs/gpu.md says what it measures and which options it has.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist/bench/gpu/main.js');
if (!existsSync(main)) {
  console.error('gpu-check needs a build: npm run build');
  process.exit(2);
}
const check = await import(pathToFileURL(main).href);
process.exit(await check.main(process.argv.slice(2)));
