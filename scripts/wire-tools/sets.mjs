import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const peers = join(dirname(dirname(here)), 'bench', 'peers');

/**
 * Programs that are built together, as they share nearly all of what has to be compiled.
 *
 * @typedef {object} ToolSet
 * @property {'go' | 'cargo'} builder - what builds them
 * @property {string} folder - the module, with its lock file
 * @property {Readonly<Record<string, string>>} programs - what is built, by the name of the program: a package of Go, a binary of Cargo
 */

/** @type {Readonly<Record<string, ToolSet>>} */
export const sets = {
  // Versions: go.mod and go.sum beside this file.
  tests: {
    builder: 'go',
    folder: here,
    programs: {
      h2spec: 'github.com/summerwind/h2spec/cmd/h2spec',
      grpcurl: 'github.com/fullstorydev/grpcurl/cmd/grpcurl',
      'grpc-health-probe': 'github.com/grpc-ecosystem/grpc-health-probe',
      'interop-client': 'google.golang.org/grpc/interop/client',
      'interop-server': 'google.golang.org/grpc/interop/server',
    },
  },
  // The servers that `npm run bench -- wire` holds the daemon against.
  'grpc-go': { builder: 'go', folder: join(peers, 'grpc-go'), programs: { 'grpc-go-echo': 'dcf.invalid/bench/grpc-go' } },
  tonic: { builder: 'cargo', folder: join(peers, 'tonic'), programs: { 'tonic-echo': 'tonic-echo' } },
};
