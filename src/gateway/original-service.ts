import type { Contract, OriginalHandlers } from '@dcf/sdk/contract';
import type { Deployer } from '../control/deployer.js';
import { summarize } from '../control/describe.js';
import type { LiveFunctions } from '../control/functions.js';
import type { LiveFunction } from '../control/live-function.js';
import { DcfError } from '../core/errors.js';
import { checkedName } from './control-service.js';
import { invokeMethod, withRawCalls } from './functions-service.js';
import { invokesMethod } from './grpc-invokes.js';
import { type GrpcService, type MethodOptions, service, unary } from './grpc-method.js';
import type { Invoker } from './invoke.js';

/** What the original contract's service serves. */
export interface OriginalServiceOptions {
  functions: LiveFunctions;
  deployer: Deployer;
  invoker: Invoker;
  version: string;
  /** Whether every function that should be ready is. */
  ready: () => boolean;
}

function later(what: string): never {
  throw new DcfError('UNIMPLEMENTED', `${what} of the original contract is not served yet; dcf.v1 has it, as the command dcf`);
}

function message(text: string): { Msg: Buffer } {
  return { Msg: Buffer.from(text) };
}

function functionMessage(live: LiveFunction) {
  const { name, revision, calls, replicas, readyReplicas } = summarize(live);
  return { Name: name, Image: `${name}@${revision}`, InvocationCount: calls, Replicas: replicas, AvailableReplicas: readyReplicas };
}

/** The service `pb.Gateway` of the original DCF (docs/original-dcf.md), whose clients call it unchanged. */
export function originalService(contract: Contract, original: OriginalServiceOptions, options: MethodOptions): GrpcService {
  const { functions, deployer } = original;
  const handlers: Omit<OriginalHandlers, 'Invoke' | 'Invokes'> = {
    List: unary(options, () => ({ Functions: functions.list().map(functionMessage) })),
    Deploy: unary(options, () => later('Deploy')),
    Update: unary(options, () => later('Update')),
    Delete: unary(options, async ({ FunctionName }) => {
      await deployer.delete(checkedName(FunctionName));
      return message(`${FunctionName} is deleted`);
    }),
    GetMeta: unary(options, ({ FunctionName }) => functionMessage(functions.get(checkedName(FunctionName)))),
    GetLog: unary(options, () => later('GetLog')),
    ReplicaUpdate: unary(options, () => later('ReplicaUpdate')),
    Info: unary(options, () => message(`dcfd ${original.version}`)),
    HealthCheck: unary(options, () => {
      if (original.ready()) return message('OK');
      throw new DcfError('UNAVAILABLE', 'not every function is ready; dcf list shows which');
    }),
  };
  const [definition, implementation] = service(contract.original.Gateway.service, handlers);
  const calls = { Invoke: invokeMethod(original.invoker, options), Invokes: invokesMethod(original.invoker, options) };
  return [withRawCalls(definition, 'Invoke', 'Invokes'), { ...implementation, ...calls }];
}
