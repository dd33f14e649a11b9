import { resolve } from 'node:path';
import { type LogsRequest, loadContract } from '@dcf/sdk/contract';
import { Activator } from '../control/changes/activator.js';
import { Deployer } from '../control/changes/deployer.js';
import { ImageDeployer } from '../control/changes/image-deployer.js';
import { KeyedMutex } from '../control/changes/keyed-mutex.js';
import { PackageSource } from '../control/changes/package-source.js';
import { Releaser } from '../control/changes/releaser.js';
import { describe } from '../control/describe.js';
import type { ErrorCount } from '../control/live/canary.js';
import { CountKeeper } from '../control/live/count-keeper.js';
import { LiveFunctions } from '../control/live/functions.js';
import { Launcher } from '../control/live/launcher.js';
import { SecretControl } from '../control/secret-control.js';
import { messageOf, stackOf } from '../core/errors.js';
import type { FunctionName, RevisionId } from '../core/names.js';
import { Authenticator } from '../gateway/auth.js';
import { controlService } from '../gateway/grpc/control-service.js';
import { functionsService } from '../gateway/grpc/functions-service.js';
import type { MethodOptions } from '../gateway/grpc/grpc-method.js';
import { GrpcServer } from '../gateway/grpc/grpc-server.js';
import type { TlsIdentity } from '../gateway/grpc/tls-server.js';
import { HttpServer } from '../gateway/http/http.js';
import { Cors } from '../gateway/http/http-cors.js';
import { Guard } from '../gateway/http/http-guard.js';
import { Invoker } from '../gateway/invoker.js';
import { isLocal, type TcpAddress } from '../gateway/listen-address.js';
import { nestedInvoker } from '../gateway/nested-invoke.js';
import { originalService } from '../gateway/original/original-service.js';
import { reflectionService } from '../gateway/reflection/reflection-service.js';
import { statusText } from '../pool/calls/invocation.js';
import { linkPlatformPackages } from '../process/platform-packages.js';
import { Spawner } from '../process/spawner/spawner.js';
import type { DownloadRules } from '../registry/download/download-rules.js';
import { Downloads } from '../registry/download/downloads.js';
import { Registry } from '../registry/registry.js';
import { removeStaleSecretFiles } from '../registry/secrets/secret-files.js';
import { Secrets } from '../registry/secrets/secrets.js';
import { CallCounts } from '../registry/state/call-counts.js';
import type { DaemonLog } from '../telemetry/daemon-log.js';
import { FunctionLogs } from '../telemetry/function-logs.js';
import { Accelerators } from './accelerators.js';
import { DaemonLogs } from './daemon-logs.js';
import { DaemonReadiness } from './daemon-readiness.js';
import { DaemonStatus } from './daemon-status.js';
import { dataDirectory } from './default-data.js';
import { downloadRules } from './download-rules.js';
import type { Settings } from './settings.js';
import { readTlsFiles } from './tls-files.js';

/** The composition root: makes all parts of the daemon, connects them, and ends them in order. */
export class Daemon {
  /** Resolves when every function that was deployed earlier is ready or has failed. */
  readonly restored: Promise<void>;
  private readonly invoker: Invoker;
  private readonly functions: LiveFunctions;
  private readonly deployer: Deployer;
  private readonly releaser: Releaser;
  private readonly countKeeper: CountKeeper;
  private readonly daemonLogs: DaemonLogs;
  private readonly readiness: DaemonReadiness;
  private readonly status: DaemonStatus;
  private server: GrpcServer | undefined;
  private http: HttpServer | undefined;

  private constructor(
    private readonly settings: Settings,
    private readonly log: DaemonLog,
    private readonly registry: Registry,
    private readonly secrets: Secrets,
    private readonly logs: FunctionLogs,
    accelerators: Accelerators,
    private readonly spawner: Spawner,
    rules: DownloadRules,
    sendsAhead: boolean,
  ) {
    this.invoker = new Invoker({
      resolve: (name, selector) => this.functions.router.resolve(name, selector),
      peek: (name, selector) => this.functions.router.peek(name, selector),
      maxBytesInFlight: settings.maxBytesInFlight,
      onEnded: settings.callLog ? (name, outcome, report) => logs.appendCall(name, statusText(outcome), report) : undefined,
    });
    const launcher = new Launcher({
      registry,
      secrets,
      downloads: new Downloads(registry.blobs, registry.dataDirectory, rules),
      chooseProviders: (name, wanted) => accelerators.choose(name, wanted),
      leaseDevices: (manifest, providers) => accelerators.lease(manifest, providers),
      programs: { python: settings.python },
      starter: () => spawner.starter,
      installPackages: settings.installPackages,
      killGraceMs: settings.killGrace,
      maxPayload: settings.maxPayload,
      cgroup: settings.cgroup,
      sendsAhead,
      callFunction: nestedInvoker(this.invoker),
      onLine: (name, line) => logs.append(name, line),
      onChange: () => this.readiness.changed(),
    });
    const onProblem = (name: FunctionName, revision: RevisionId, error: unknown): void =>
      log.error({ function: name, revision, stack: stackOf(error) }, `${name} could not be started again: ${messageOf(error)}`);
    const counts = new CallCounts(registry.dataDirectory);
    this.functions = new LiveFunctions({
      launcher,
      counts,
      drainGraceMs: settings.drainGrace,
      keepWarmMs: settings.keepWarm,
      onProblem,
      onChange: () => this.readiness.changed(),
      onCanaryOver: (name, revision, count) => void this.stopCanary(name, revision, count),
    });
    this.countKeeper = new CountKeeper({
      functions: this.functions,
      counts,
      onProblem: (error) => log.warn({ error }, 'the counts of calls cannot be written'),
    });
    this.readiness = new DaemonReadiness(this.functions, this.invoker, log, () => this.server);
    this.status = new DaemonStatus({
      settings,
      dataDirectory: registry.dataDirectory,
      accelerators,
      ready: () => this.ready,
      httpAddress: () => this.httpAddress,
    });
    this.daemonLogs = new DaemonLogs(logs, registry, () => this.functions);
    const parts = { registry, functions: this.functions, changes: new KeyedMutex() };
    const activator = new Activator({ ...parts, launcher, drainGraceMs: settings.drainGrace, onProblem });
    this.releaser = new Releaser({ ...parts, activator });
    this.deployer = new Deployer({ ...parts, activator, maxPayload: settings.maxPayload, logs: this.daemonLogs });
    this.restored = this.restore();
  }

  /**
   * Starts a daemon. Resolves when it listens.
   *
   * @param sendsAhead - whether a busy worker may be sent its next call; only a benchmark turns it off. @default true
   * @throws DcfError FAILED_PRECONDITION when the data directory or an address cannot be used; INVALID_ARGUMENT when a file of certificates
   * or keys cannot
   */
  static async start(settings: Settings, log: DaemonLog, sendsAhead = true): Promise<Daemon> {
    const rules = downloadRules(settings);
    const tls = readTlsFiles(settings);
    const registry = await Registry.open(resolve(dataDirectory(settings.data, (warning) => log.warn({}, warning))));
    const logs = await openLogs(registry, log);
    const spawner = new Spawner((pid) =>
      log.warn({ pid }, 'the spawner has ended; the daemon starts replicas itself until the next spawner runs'),
    );
    let daemon: Daemon | undefined;
    try {
      await linkPlatformPackages(registry.dataDirectory);
      await removeStaleSecretFiles(registry.dataDirectory);
      const secrets = await Secrets.open(registry.dataDirectory);
      for (const problem of secrets.damaged) log.warn({}, `${problem}: set it again, or remove the file`);
      daemon = new Daemon(settings, log, registry, secrets, logs, new Accelerators(log), spawner, rules, sendsAhead);
      await daemon.listen(tls);
      return daemon;
    } catch (error) {
      if (daemon !== undefined) await daemon.stop();
      else for (const part of [logs, spawner, registry]) await part.close();
      throw error;
    }
  }

  /** Where gRPC is served: `HOST:PORT`, or `unix:PATH`. */
  get address(): string {
    return this.server?.address ?? '';
  }

  /** Where HTTP is served, as `HOST:PORT`; `undefined` when it is not. */
  get httpAddress(): string | undefined {
    return this.http?.address;
  }

  /** Whether every function can take calls. */
  get ready(): boolean {
    return this.readiness.ready;
  }

  /** Refuses new calls, finishes those in flight, and ends everything at the latest after `drainGrace`. */
  async stop(): Promise<void> {
    this.invoker.draining = true;
    this.readiness.changed();
    this.server?.stopListening();
    await this.functions.stop(this.settings.drainGrace);
    await this.countKeeper.stop();
    await this.spawner.close();
    // The logs are closed before the servers: that ends the streams of callers that follow a log.
    await this.logs.close();
    await Promise.all([this.server?.close(), this.http?.close()]);
    await this.registry.close();
  }

  private async listen(tls: TlsIdentity | undefined): Promise<void> {
    const { settings, log, functions, deployer, releaser, invoker } = this;
    const authenticator = new Authenticator(settings.token);
    const contract = loadContract();
    const onFault = (error: unknown): void =>
      log.error({ stack: stackOf(error) || messageOf(error) }, 'a method failed in the daemon itself');
    const options: MethodOptions = { authorize: (authorization) => authenticator.check(authorization), onFault };
    const control = {
      functions,
      deployer,
      releaser,
      secrets: new SecretControl(this.secrets, functions),
      status: () => this.status.read(),
      describe: (name: Parameters<LiveFunctions['get']>[0]) => describe(functions.get(name), this.registry.get(name)),
      logs: (request: LogsRequest, signal: AbortSignal) => this.daemonLogs.query(request, signal),
    };
    const original = {
      functions,
      deployer,
      releaser,
      images: new ImageDeployer({ deployer, functions, source: await PackageSource.open(this.registry, settings.packages) }),
      invoker,
      status: () => this.status.read(),
      logs: (name: FunctionName, count: number) => this.logs.read(name, { tail: count }),
      ready: () => this.ready,
    };
    this.server = await GrpcServer.open({
      address: settings.grpc,
      tls,
      maxConnections: settings.maxConnections,
      firstByteTimeoutMs: settings.firstByteTimeout,
      bodyTimeoutMs: settings.bodyTimeout,
      maxPayload: settings.maxPayload,
      budget: invoker.budget,
      services: [
        functionsService(contract, invoker, options),
        controlService(contract, control, options),
        originalService(contract, original, options),
        ...(settings.reflection ? [reflectionService(options)] : []),
      ],
      onFault,
    });
    if (settings.http !== undefined) await this.listenHttp(settings.http, authenticator, onFault);
    if (settings.insecure && !authenticator.required)
      log.warn({ address: this.address }, 'insecure: anyone who can reach this address can deploy and call functions');
    log.info({ grpc: this.address, http: this.httpAddress, data: this.registry.dataDirectory }, 'listening');
    this.readiness.changed();
  }

  private async listenHttp(address: TcpAddress, authenticator: Authenticator, onFault: (error: unknown) => void): Promise<void> {
    const { settings, functions, invoker } = this;
    const cors = settings.corsOrigins.length === 0 ? undefined : new Cors(settings.corsOrigins);
    this.http = await HttpServer.open({
      address,
      maxConnections: settings.maxConnections,
      firstByteTimeoutMs: settings.firstByteTimeout,
      bodyTimeoutMs: settings.bodyTimeout,
      guard: new Guard(authenticator, isLocal(address), cors),
      cors,
      invoker,
      functions,
      describe: (name) => describe(functions.get(name), this.registry.get(name)),
      readiness: () => this.readiness.read(),
      onFault,
    });
  }

  private async restore(): Promise<void> {
    for (const { name, problem } of this.registry.damaged) this.log.error({ function: name }, `${name} is not served: ${problem}`);
    await this.functions.restore(this.registry.list());
    if (this.invoker.draining) return;
    this.countKeeper.start();
    this.readiness.settle();
    await this.daemonLogs.sweep().catch((error: unknown) => this.log.warn({ error }, 'old logs cannot be removed'));
  }

  /** Stores that a canary gets no more calls, and reports it in the daemon's log and the function's. */
  private async stopCanary(name: FunctionName, revision: RevisionId, count: ErrorCount): Promise<void> {
    const failed = `${count.errors} of its last ${count.calls} calls failed`;
    try {
      if (!(await this.releaser.stopCanary(name, revision, count))) return;
    } catch (error) {
      this.log.error(
        { function: name, revision, stack: stackOf(error) },
        `the canary ${name}@${revision} gets no more calls, but that could not be stored: ${messageOf(error)}`,
      );
    }
    const text = `the canary ${name}@${revision} has lost its share of the traffic: ${failed}`;
    this.log.warn({ function: name, revision, ...count }, text);
    this.daemonLogs.append(name, revision, 'warn', text);
  }
}

/** Opens the functions' logs; closes the registry when that fails. */
async function openLogs(registry: Registry, log: DaemonLog): Promise<FunctionLogs> {
  try {
    return await FunctionLogs.open(registry.dataDirectory, { onProblem: (message) => log.warn({}, message) });
  } catch (error) {
    await registry.close();
    throw error;
  }
}
