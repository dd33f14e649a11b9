import type { handleBidiStreamingCall, handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import type { ControlHandlers } from '../generated/dcf/v1/Control.js';
import type { GatewayHandlers } from '../generated/pb/Gateway.js';

export type { CanaryStop__Output as CanaryStop } from '../generated/dcf/v1/CanaryStop.js';
export type { ControlClient, ControlHandlers } from '../generated/dcf/v1/Control.js';
export type { DaemonInfo__Output as DaemonInfo } from '../generated/dcf/v1/DaemonInfo.js';
export type { DeployEvent, DeployEvent__Output } from '../generated/dcf/v1/DeployEvent.js';
export type { DeployRequest, DeployRequest__Output } from '../generated/dcf/v1/DeployRequest.js';
export type { FunctionDescription__Output as FunctionDescription } from '../generated/dcf/v1/FunctionDescription.js';
export type { FunctionSummary__Output as FunctionSummary } from '../generated/dcf/v1/FunctionSummary.js';
export type { LogEntry__Output as LogEntry } from '../generated/dcf/v1/LogEntry.js';
export type { LogsRequest__Output as LogsRequest } from '../generated/dcf/v1/LogsRequest.js';
export type { PackageFile__Output as PackageFile } from '../generated/dcf/v1/PackageFile.js';
export type { ProviderStatus__Output as ProviderStatus } from '../generated/dcf/v1/ProviderStatus.js';
export type { ReplicaDescription__Output as ReplicaDescription } from '../generated/dcf/v1/ReplicaDescription.js';
export type { RevisionDescription__Output as RevisionDescription } from '../generated/dcf/v1/RevisionDescription.js';
export type { ScaleReply__Output as ScaleReply } from '../generated/dcf/v1/ScaleReply.js';
export type { SecretSummary__Output as SecretSummary } from '../generated/dcf/v1/SecretSummary.js';
export type { TrafficShare__Output as TrafficShare } from '../generated/dcf/v1/TrafficShare.js';
export type { CreateFunctionRequest__Output as CreateFunctionRequest } from '../generated/pb/CreateFunctionRequest.js';
export type { Function as OriginalFunction } from '../generated/pb/Function.js';
export type { FunctionResources__Output as FunctionResources } from '../generated/pb/FunctionResources.js';

/** What the methods of a service take and give, without the calls that grpc-js makes of them. */
type MethodsOf<Handlers> = {
  [Name in keyof Handlers as string extends Name ? never : number extends Name ? never : Name]: MethodOf<Handlers[Name]>;
};

type MethodOf<Handler> =
  Handler extends handleUnaryCall<infer Request, infer Reply>
    ? { kind: 'unary'; request: Request; reply: Reply }
    : Handler extends handleServerStreamingCall<infer Request, infer Reply>
      ? { kind: 'server-stream'; request: Request; reply: Reply }
      : Handler extends handleBidiStreamingCall<infer Request, infer Reply>
        ? { kind: 'bidirectional'; request: Request; reply: Reply }
        : never;

export type ControlMethods = MethodsOf<ControlHandlers>;
export type OriginalMethods = MethodsOf<GatewayHandlers>;
