import type { Client } from '@dcf/sdk';
import type { ControlClient } from '@dcf/sdk/control';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { closestName, listNames } from '@dcf/sdk/names';
import { CommandError, daemonFailure, usageError } from '../terminal/errors.js';
import type { Connection } from './config.js';

// By default grpc-js writes lines about connections to stderr; the error messages say this better.
process.env['GRPC_VERBOSITY'] ??= 'NONE';

// The clients are loaded only when a command needs one: loading gRPC takes longer than many commands run.

/** Makes a client that administers the daemon. The caller has to close it. @throws CommandError (2) for a malformed URL */
export async function openControl({ url, token }: Connection): Promise<ControlClient> {
  const { ControlClient } = await import('@dcf/sdk/control');
  return made(() => new ControlClient(url, token === undefined ? {} : { token }));
}

/** Makes a client that calls functions. The caller has to close it. @throws CommandError (2) for a malformed URL */
export async function openClient({ url, token }: Connection): Promise<Client> {
  const { Client } = await import('@dcf/sdk');
  return made(() => new Client(url, token === undefined ? {} : { token }));
}

/** Makes a client. This does not use the network, so an error is about what the user wrote. */
function made<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

/** Asks something of the daemon, and closes the connection afterwards. Errors say what to do. */
export async function withControl<Result>(connection: Connection, ask: (client: ControlClient) => Promise<Result>): Promise<Result> {
  const client = await openControl(connection);
  try {
    return await ask(client);
  } catch (error) {
    throw await explained(client, connection.url, daemonFailure(error));
  } finally {
    client.close();
  }
}

/** Adds suggestions to the error of a call of an unknown function. */
export async function explainedCall(connection: Connection, failure: CommandError): Promise<CommandError> {
  if (unknownFunction(failure) === undefined) return failure;
  const client = await openControl(connection);
  try {
    return await explained(client, connection.url, failure);
  } finally {
    client.close();
  }
}

/** How long a suggestion may take, in milliseconds. */
const suggestionMs = 2_000;

/** Adds to the error for an unknown function: the name that was probably meant, and those that are deployed. */
async function explained(client: ControlClient, url: string, failure: CommandError): Promise<CommandError> {
  const name = unknownFunction(failure);
  if (name === undefined) return failure;
  const functions = await client.list({ timeout: suggestionMs }).catch(() => undefined);
  if (functions === undefined) return failure;
  const names = functions.map((summary) => summary.name);
  const meant = closestName(name, names);
  const there =
    names.length === 0 ? `Nothing is deployed at ${url} (dcf list).` : `Deployed at ${url} (dcf list): ${listNames(names, listedNames)}.`;
  const [first = ''] = failure.message.split('\n"dcf list"', 1);
  return new CommandError(1, `${first}\n${meant === undefined ? '' : `Did you mean ${meant}? `}${there}`, { cause: failure.cause });
}

/** How many deployed functions the error for an unknown one names. */
const listedNames = 10;

/** The name in the daemon's error for an unknown function; `undefined` for any other error. */
function unknownFunction({ cause }: CommandError): string | undefined {
  if (!DcfError.is(cause) || cause.code !== 'NOT_FOUND') return undefined;
  return /^there is no function (\S+)$/.exec(cause.message)?.[1];
}
