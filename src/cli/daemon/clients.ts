import type { Client } from '@dcf/sdk';
import type { ControlClient } from '@dcf/sdk/control';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { CommandError, daemonFailure, usageError } from '../terminal/errors.js';
import type { Connection } from './config.js';

// grpc-js writes lines of its own to stderr about connections, which the errors tell better.
process.env['GRPC_VERBOSITY'] ??= 'NONE';

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
    throw await explained(client, connection.url, daemonFailure(error));
  } finally {
    client.close();
  }
}

/** Explains a failure of a client that calls functions. */
export async function explainedCall(connection: Connection, failure: CommandError): Promise<CommandError> {
  if (unknownFunction(failure) === undefined) return failure;
  const client = await openControl(connection);
  try {
    return await explained(client, connection.url, failure);
  } finally {
    client.close();
  }
}

/** How long a user waits for a suggestion. */
const suggestionMs = 2_000;

/** What is known of a name that no function has: the one that was meant, perhaps, and those that there are. */
async function explained(client: ControlClient, url: string, failure: CommandError): Promise<CommandError> {
  const name = unknownFunction(failure);
  if (name === undefined) return failure;
  const functions = await client.list({ timeout: suggestionMs }).catch(() => undefined);
  if (functions === undefined) return failure;
  const names = functions.map((summary) => summary.name);
  const { closestName } = await import('@dcf/sdk/names');
  const meant = closestName(name, names);
  const there = names.length === 0 ? `Nothing is deployed at ${url} (dcf list).` : `Deployed at ${url} (dcf list): ${listed(names)}.`;
  const [first = ''] = failure.message.split('\n"dcf list"', 1);
  return new CommandError(1, `${first}\n${meant === undefined ? '' : `Did you mean ${meant}? `}${there}`, { cause: failure.cause });
}

/** How many names are listed before "and N more". */
const listedNames = 10;

/** Names for people: a long list is cut. */
export function listed(names: readonly string[]): string {
  const more = names.length - listedNames;
  return more > 0 ? `${names.slice(0, listedNames).join(', ')} and ${more} more` : names.join(', ');
}

/** The name of which the daemon says that no function has it. */
function unknownFunction({ cause }: CommandError): string | undefined {
  if (!DcfError.is(cause) || cause.code !== 'NOT_FOUND') return undefined;
  return /^there is no function (\S+)$/.exec(cause.message)?.[1];
}
