import { type DeployEvent__Output, type DeployRequest, loadContract } from '@dcf/sdk/contract';
import type { FunctionPackage } from '@dcf/sdk/package';
import { Client, credentials, type StatusObject, status } from '@grpc/grpc-js';
import { cleanUp, type Owner } from './cleanup.js';

/** The client's side of a deploy in the hands of a test. */
export interface RawDeploy {
  send: (request: DeployRequest) => void;
  /** Half-closes: nothing more comes. */
  end: () => void;
  /** The client is gone. */
  cancel: () => void;
  /** Resolves with the first event, past or to come, that has this field. Rejects when the deploy ends without one. */
  event: (field: 'missing' | 'step' | 'output' | 'deployed' | 'stack') => Promise<DeployEvent__Output>;
  /** How it ended, once it has. */
  ended: Promise<{ code: string; details: string }>;
}

/** Opens a deploy without any of the checks of the real client. */
export function rawDeploy(owner: Owner, url: string): RawDeploy {
  const { path, requestSerialize, responseDeserialize } = loadContract().dcf.Control.service.Deploy;
  const client = new Client(url, credentials.createInsecure());
  cleanUp(owner, () => client.close());
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const events: DeployEvent__Output[] = [];
  stream.on('data', (event: DeployEvent__Output) => {
    events.push(event);
    stream.emit('noted');
  });
  // The status says it, too.
  stream.on('error', () => undefined);
  let over = false;
  const ended = new Promise<{ code: string; details: string }>((resolve) => {
    stream.on('status', ({ code, details }: StatusObject) => {
      over = true;
      resolve({ code: status[code], details });
      stream.emit('noted');
    });
  });
  return {
    send: (request) => void stream.write(request),
    end: () => void stream.end(),
    cancel: () => stream.cancel(),
    ended,
    event: async (field) => {
      for (;;) {
        const found = events.find((event) => event.event === field);
        if (found !== undefined) return found;
        if (over) throw new Error(`the deploy ended without ${field}: ${JSON.stringify(await ended)}`);
        await new Promise<void>((resolve) => stream.once('noted', resolve));
      }
    },
  };
}

/** The first message of a deploy, which describes the package. */
export function packageMessage({ manifest, files }: FunctionPackage): DeployRequest {
  return {
    package: {
      manifest: JSON.stringify(manifest.given),
      files: files.map(({ path, mode, size, sha256 }) => ({ path, mode, size, sha256 })),
    },
  };
}
