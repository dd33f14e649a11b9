import type {
  Contract,
  ControlMethods,
  DaemonInfo,
  DeployEvent as DeployEventMessage,
  DeployRequest__Output,
  LogEntry,
  LogsRequest,
} from '@dcf/sdk/contract';
import type { ChangeResult, DeployEvent, Deployer } from '../../control/changes/deployer.js';
import type { Progress } from '../../control/changes/progress.js';
import type { Releaser } from '../../control/changes/releaser.js';
import type { Chunk } from '../../control/changes/upload.js';
import { type describe, summarize } from '../../control/describe.js';
import type { LiveFunctions } from '../../control/live/functions.js';
import type { SecretControl } from '../../control/secret-control.js';
import { DcfError } from '../../core/errors.js';
import { type FunctionName, requireFunctionName } from '../../core/names.js';
import { bidirectional, type ReplyStream, serverStream, unary } from '../../grpc/methods.js';
import { type GrpcService, type Implementation, type MethodOptions, service } from './grpc-method.js';

/** The parts of the daemon that the control service administers. */
export interface ControlServiceOptions {
  functions: LiveFunctions;
  deployer: Deployer;
  releaser: Releaser;
  secrets: SecretControl;
  status: () => Promise<DaemonInfo>;
  describe: (name: FunctionName) => ReturnType<typeof describe>;
  /** Opens a function's log. Rejects with a DcfError NOT_FOUND if the function is not deployed and has no log. */
  logs: (request: LogsRequest, signal: AbortSignal) => Promise<AsyncIterable<LogEntry>>;
}

/** The service `dcf.v1.Control` (proto/dcf/v1/dcf.proto): administration. */
export function controlService(contract: Contract, control: ControlServiceOptions, options: MethodOptions): GrpcService {
  const { functions, deployer, releaser, secrets } = control;
  const methods: Implementation<ControlMethods> = {
    Deploy: bidirectional((requests, replies) => deploy(deployer, requests, replies)),
    List: unary(() => ({ functions: functions.list().map(summarize) })),
    Describe: unary(({ name }) => control.describe(requireFunctionName(name))),
    Delete: unary(async ({ name }) => {
      await deployer.delete(requireFunctionName(name));
      return {};
    }),
    Rollback: serverStream(({ name, to }, replies) =>
      runChange(replies, (progress) => releaser.rollback(requireFunctionName(name), given(to), progress)),
    ),
    SetAlias: serverStream(({ name, alias, target }, replies) =>
      runChange(replies, (progress) => releaser.setAlias(requireFunctionName(name), alias, given(target), progress)),
    ),
    SetTraffic: serverStream(({ name, shares, maxErrorRate }, replies) =>
      runChange(replies, (progress) => releaser.setTraffic(requireFunctionName(name), shares, maxErrorRate, progress)),
    ),
    Scale: unary(async ({ name, min, max }) => {
      const checked = requireFunctionName(name);
      const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
      const scale = await releaser.scale(checked, bounds);
      return { revision: functions.get(checked).revision.id, ...scale };
    }),
    Logs: serverStream(async (request, replies) => {
      for await (const entry of await control.logs(request, replies.signal)) await replies.send(entry);
    }),
    Info: unary(control.status),
    SetSecret: unary(async ({ name, value, function: onlyFor }) => ({
      functions: [...(await secrets.set(name, value, onlyFor === '' ? undefined : requireFunctionName(onlyFor)))],
    })),
    ListSecrets: unary(() => ({ secrets: secrets.list() })),
    DeleteSecret: unary(async ({ name }) => ({ functions: [...(await secrets.delete(name))] })),
  };
  return service<ControlMethods>(contract.dcf.Control.service, methods, options);
}

async function deploy(
  deployer: Deployer,
  requests: AsyncIterable<DeployRequest__Output>,
  replies: ReplyStream<DeployEventMessage>,
): Promise<void> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const described = first.done === true ? undefined : first.value.package;
  if (described === undefined || described === null)
    throw new DcfError('INVALID_ARGUMENT', 'the first message of a deploy must hold its package (DeployRequest.package)');
  const { manifest, files, alias, traffic, maxErrorRate } = described;
  const rollout = { alias, traffic, maxErrorRate };
  await runChange(replies, ({ signal }) =>
    deployer.deploy({ manifest, files, rollout, chunks: chunksOf(iterator), emit: emitterOf(replies), signal }),
  );
}

/** Runs a change of a function, and sends the client its progress and its result. */
async function runChange(replies: ReplyStream<DeployEventMessage>, change: (progress: Progress) => Promise<ChangeResult>): Promise<void> {
  const deployed = await change({ emit: emitterOf(replies), signal: replies.signal });
  await replies.send({ deployed });
}

/** Most characters of output that wait for a client that reads slowly; lines beyond them are left out. */
const maxWaitingOutput = 256 * 1024;

/**
 * Makes a function that sends a client the progress of a change. The change does not wait until the client has read it, and is aborted
 * when the client disconnects. A Handler may print without end while it starts: lines for which the client is too slow are only counted,
 * and stay in the log.
 */
function emitterOf(replies: ReplyStream<DeployEventMessage>): (event: DeployEvent) => void {
  let waiting = 0;
  let leftOut = 0;
  const send = (event: DeployEvent): Promise<void> => replies.send(eventMessage(event)).catch(() => undefined);
  return (event) => {
    if (event.kind !== 'output') {
      if (leftOut > 0) void send({ kind: 'output', line: `lines left out here: ${leftOut}; "dcf logs" shows them` });
      leftOut = 0;
      void send(event);
      return;
    }
    if (waiting > maxWaitingOutput) {
      leftOut += 1;
      return;
    }
    const { length } = event.line;
    waiting += length;
    void send(event).then(() => {
      waiting -= length;
    });
  };
}

/** An optional text of a request: proto3 has the empty text for a field that was not set. */
function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

async function* chunksOf(iterator: AsyncIterator<DeployRequest__Output>): AsyncIterable<Chunk> {
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const { chunk } = next.value;
    if (chunk === undefined || chunk === null)
      throw new DcfError('INVALID_ARGUMENT', 'the messages after the package must hold chunks of blobs (DeployRequest.chunk)');
    yield chunk;
  }
}

function eventMessage(event: DeployEvent): DeployEventMessage {
  switch (event.kind) {
    case 'missing':
      return { missing: { sha256: [...event.digests], bytes: event.bytes } };
    case 'step':
      return { step: { name: event.name, done: event.done, detail: event.detail } };
    case 'output':
      return { output: event.line };
    case 'warning':
      return { warning: event.text };
    case 'stack':
      return { stack: event.stack };
    case 'revision':
      return { revision: event.id };
    default:
      return event satisfies never;
  }
}
