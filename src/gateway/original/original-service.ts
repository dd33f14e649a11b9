import type { Contract, CreateFunctionRequest, DaemonInfo, LogEntry, OriginalMethods } from '@dcf/sdk/contract';
import type { Deployer } from '../../control/changes/deployer.js';
import type { ImageDeploy, ImageDeployer } from '../../control/changes/image-deployer.js';
import type { Releaser } from '../../control/changes/releaser.js';
import type { LiveFunctions } from '../../control/live/functions.js';
import { DcfError } from '../../core/errors.js';
import { type FunctionName, requireFunctionName } from '../../core/names.js';
import { unary } from '../../grpc/methods.js';
import { invokeMethod } from '../grpc/functions-service.js';
import { type GrpcService, type Implementation, type MethodOptions, service } from '../grpc/grpc-method.js';
import type { Invoker } from '../invoker.js';
import { invokesMethod } from './invokes.js';
import { deployedText, functionMessage, infoText, logText, maxLogEntries, message } from './original-replies.js';
import { manifestChanges } from './original-request.js';

/** The parts of the daemon that the original contract's service uses. */
export interface OriginalServiceOptions {
  functions: LiveFunctions;
  deployer: Deployer;
  releaser: Releaser;
  images: ImageDeployer;
  invoker: Invoker;
  status: () => Promise<DaemonInfo>;
  /** The newest entries of a function's log, `count` at most, oldest first. */
  logs: (name: FunctionName, count: number) => AsyncIterable<LogEntry>;
  /** Whether every function that should be ready is. */
  ready: () => boolean;
}

/** The service `pb.Gateway` of the original DCF (docs/original-dcf.md), for its clients as they are. */
export function originalService(contract: Contract, original: OriginalServiceOptions, options: MethodOptions): GrpcService {
  const { functions, deployer, invoker } = original;
  const methods: Implementation<Omit<OriginalMethods, 'Invoke' | 'Invokes'>> = {
    List: unary(() => ({ Functions: functions.list().map(functionMessage) })),
    Deploy: unary((request, { signal }) => deploy(original, 'create', request, signal)),
    Update: unary((request, { signal }) => deploy(original, 'update', request, signal)),
    Delete: unary(async ({ FunctionName }) => {
      await deployer.delete(requireFunctionName(FunctionName));
      return message(`${FunctionName} is deleted`);
    }),
    GetMeta: unary(({ FunctionName }) => functionMessage(functions.get(requireFunctionName(FunctionName)))),
    GetLog: unary(async ({ FunctionName }) => {
      const { name } = functions.get(requireFunctionName(FunctionName));
      return message(await logText(original.logs(name, maxLogEntries)));
    }),
    ReplicaUpdate: unary(({ ServiceName, Replicas }) => setReplicas(original, requireFunctionName(ServiceName), Replicas)),
    Info: unary(async () => message(infoText(await original.status(), functions.list().length))),
    HealthCheck: unary(() => {
      if (original.ready()) return message('OK');
      throw new DcfError('UNAVAILABLE', 'not every function is ready; dcf list shows which');
    }),
  };
  const { service: definition } = contract.original.Gateway;
  return service<Omit<OriginalMethods, 'Invoke' | 'Invokes'>>(definition, methods, options)
    .set(definition.Invoke.path, invokeMethod(invoker, options))
    .set(definition.Invokes.path, invokesMethod(invoker, options));
}

async function deploy(
  { images }: OriginalServiceOptions,
  kind: ImageDeploy['kind'],
  request: CreateFunctionRequest,
  signal: AbortSignal,
): Promise<{ Msg: Buffer }> {
  const changes = manifestChanges(request);
  return message(
    deployedText(await images.deploy({ name: requireFunctionName(request.Service), image: request.Image, changes, kind, signal })),
  );
}

/** Sets a fixed number of replicas. With 0, none runs while there are no calls, and the first call starts one. */
async function setReplicas({ releaser }: OriginalServiceOptions, name: FunctionName, replicas: number): Promise<{ Msg: Buffer }> {
  const { min, max } = await releaser.scale(name, replicas === 0 ? { min: 0 } : { min: replicas, max: replicas });
  return message(`${name} has ${min === max ? min : `${min} to ${max}`} replicas`);
}
