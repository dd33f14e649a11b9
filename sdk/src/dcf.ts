import { Client, type InvokeOptions } from './client.js';
import { parseAddress } from './transport/address.js';

const clients = new Map<string, Client>();

/**
 * Calls a function: `await dcf('localhost:32222', 'digits', bytes)`. It keeps one connection per daemon, which does not keep
 * the process alive. For a token, certificates or a report of the call, use a Client.
 *
 * @param url - as Client takes it
 * @param service - the function's name
 * @param bytes - the input; a string is sent as UTF-8
 * @returns the output: a view, whose `buffer` holds more than the output
 * @throws DcfError as Client.invoke does; the timeout is 60 s unless `options` say otherwise
 */
export async function dcf(url: string, service: string, bytes: Uint8Array | string, options: InvokeOptions = {}): Promise<Uint8Array> {
  const { output } = await clientFor(url).invoke(service, bytes, { report: false, ...options });
  return output;
}

function clientFor(url: string): Client {
  const { shown, tls = false } = parseAddress(url);
  const key = `${tls ? 'https' : 'http'}://${shown}`;
  let client = clients.get(key);
  if (client === undefined) {
    client = new Client(key);
    clients.set(key, client);
  }
  return client;
}
