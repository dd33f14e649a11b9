import type { Client } from '@dcf/sdk';
import type { ControlClient } from '@dcf/sdk/control';
import { messageOf } from '@dcf/sdk/errors';
import type { Connection } from './config.js';
import { daemonFailure, usageError } from './errors.js';

// The clients are loaded only when a command needs one: gRPC takes longer to load than many a command to run.

/** A client that administers the daemon; the caller closes it. */
export async function openControl({ url, token }: Connection): Promise<ControlClient> {
  const { ControlClient } = await import('@dcf/sdk/control');
  return made(() => new ControlClient(url, token === undefined ? {} : { token }));
}

/** A client that calls functions; the caller closes it. */
export async function openClient({ url, token }: Connection): Promise<Client> {
  const { Client } = await import('@dcf/sdk');
  return made(() => new Client(url, token === undefined ? {} : { token }));
}

/** A client is made without a look at the network, so what is wrong then is what the user wrote. */
function made<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

/** Asks something of the daemon, and closes the connection whatever comes of it. Failures say what to do. */
export async function withControl<Result>(connection: Connection, ask: (client: ControlClient) => Promise<Result>): Promise<Result> {
  const client = await openControl(connection);
  try {
    return await ask(client);
  } catch (error) {
    throw daemonFailure(error);
  } finally {
    client.close();
  }
}
