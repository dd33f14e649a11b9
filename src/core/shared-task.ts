/** Options of one waiter for a task. */
export interface JoinOptions {
  /** Stops waiting when it aborts. The task goes on as long as there is another waiter. */
  signal?: AbortSignal | undefined;
  /** Gets each line of the task's output. */
  onOutput: (line: string) => void;
}

/** What a task gets when it runs. */
export interface TaskContext {
  /** Aborts when there is no waiter any more. */
  signal: AbortSignal;
  /** Sends a line of output to all waiters. */
  tell: (line: string) => void;
}

/** Options of a task. */
export interface SharedTaskOptions {
  /** Distinguishes the task from others with the same key, such as by the address of a download. @default '' */
  label?: string;
  /** How many of its first lines of output later waiters get at once. @default 0 */
  remembered?: number;
}

/**
 * A task that runs once for any number of waiters, and is aborted when the last waiter leaves. That waiter waits until the task has cleaned up.
 */
export class SharedTask {
  readonly label: string;
  private readonly abort = new AbortController();
  private readonly listeners = new Set<(line: string) => void>();
  private readonly told: string[] = [];
  private readonly done: Promise<void>;
  private over = false;

  /** @param run - does the work; it is started after the constructor has returned */
  constructor(run: (context: TaskContext) => Promise<void>, { label = '', remembered = 0 }: SharedTaskOptions = {}) {
    this.label = label;
    const tell = (line: string): void => {
      if (this.told.length < remembered) this.told.push(line);
      for (const listener of this.listeners) listener(line);
    };
    // Not started at once, so that its creator can store it before it ends.
    this.done = Promise.resolve({ signal: this.abort.signal, tell }).then(run);
    const end = (): void => {
      this.over = true;
    };
    this.done.then(end, end);
  }

  /** Whether the last waiter has left: the task cannot be joined any more. */
  get abandoned(): boolean {
    return this.abort.signal.aborted;
  }

  /** Resolves when the task has ended, however it did. */
  async ended(): Promise<void> {
    await this.done.catch(() => undefined);
  }

  /**
   * Waits for the task, which must not be abandoned.
   *
   * @param onGivingUp - makes the error that is thrown when the signal aborts
   * @throws whatever the task throws
   */
  async join({ signal, onOutput }: JoinOptions, onGivingUp: () => Error): Promise<void> {
    if (this.abandoned) throw new Error('an abandoned task cannot be joined');
    const listener = (line: string): void => onOutput(line);
    this.told.forEach(listener);
    this.listeners.add(listener);
    let giveUp = (): void => undefined;
    const gaveUp = new Promise<never>((_, reject) => {
      giveUp = () => reject(onGivingUp());
    });
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted === true) giveUp();
    try {
      await Promise.race([this.done, gaveUp]);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.listeners.delete(listener);
      if (this.listeners.size === 0 && !this.over) {
        this.abort.abort();
        await this.ended();
      }
    }
  }
}

/** Shared tasks by key. For each key one task runs at a time. */
export class SharedTasks<Key> {
  private readonly running = new Map<Key, SharedTask>();

  /** The task that runs for a key; it may be abandoned. */
  get(key: Key): SharedTask | undefined {
    return this.running.get(key);
  }

  /** Begins the task of a key. @throws Error while another task of this key runs */
  begin(key: Key, run: (context: TaskContext) => Promise<void>, options?: SharedTaskOptions): SharedTask {
    if (this.running.has(key)) throw new Error('a task of this key runs already');
    const task = new SharedTask(async (context) => {
      try {
        await run(context);
      } finally {
        // Removed before waiters get its outcome, so that one that tries again begins a new task.
        this.running.delete(key);
      }
    }, options);
    this.running.set(key, task);
    return task;
  }
}
