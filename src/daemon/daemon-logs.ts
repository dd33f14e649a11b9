import type { LogEntry, LogsRequest } from '@dcf/sdk/contract';
import type { DeployLogs } from '../control/changes/deployer.js';
import type { LiveFunctions } from '../control/live/functions.js';
import { messageOf, stackOf } from '../core/errors.js';
import { type FunctionName, type RevisionId, requireFunctionName } from '../core/names.js';
import type { Registry } from '../registry/registry.js';
import type { FunctionLogs } from '../telemetry/function-logs.js';

/** Writes the daemon's own lines into the logs of functions, and finds the entries that callers ask for. */
export class DaemonLogs implements DeployLogs {
  constructor(
    private readonly logs: FunctionLogs,
    private readonly registry: Registry,
    private readonly functions: () => LiveFunctions,
  ) {}

  /** Logs why a deploy failed, with the Handler's own stack if the Handler failed. */
  appendFailure(name: FunctionName, revision: RevisionId, error: unknown): void {
    const stack = error instanceof Error && error.cause instanceof Error ? `\n${stackOf(error.cause)}` : '';
    this.append(name, revision, 'error', `the deploy of ${name}@${revision} failed: ${messageOf(error)}${stack}`);
  }

  /** Writes a line of the daemon itself into a function's log. */
  append(name: FunctionName, revision: RevisionId, level: 'warn' | 'error', text: string): void {
    this.logs.append(name, { time: Date.now(), level, text, callId: '', replica: 0, worker: 0, revision });
  }

  delete(name: FunctionName): Promise<boolean> {
    return this.logs.delete(name);
  }

  sweep(): Promise<void> {
    return this.logs.sweep((name) => this.registry.has(name));
  }

  /**
   * The entries that a caller asks for. A function whose first deploy failed has a log, too, although it is not deployed.
   *
   * @throws DcfError INVALID_ARGUMENT for an invalid name, NOT_FOUND for a function that is not deployed and has no log
   */
  async query(request: LogsRequest, signal: AbortSignal): Promise<AsyncIterable<LogEntry>> {
    const name = requireFunctionName(request.name);
    const live = this.functions().find(name);
    if (live === undefined && !(await this.logs.has(name))) this.functions().get(name);
    const revision = live?.record.aliases[request.revision] ?? request.revision;
    const query = { ...request, revision };
    return request.follow ? this.logs.follow(name, query, signal) : this.logs.read(name, query);
  }
}
