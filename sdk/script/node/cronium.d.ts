/**
 * What a script and its run say to each other; the page on scripts explains it.
 *
 * `cronium.f(…)` waits for the answer, `cronium.async.f(…)` promises it. Every call may
 * fail with a `cronium.Error`.
 */
declare const cronium: cronium.Sync;

declare namespace cronium {
  /**
   * What JSON can say. An integer beyond ±(2^53 − 1) comes as a bigint, and only as a
   * bigint can it be sent exactly.
   */
  type Value = null | boolean | number | bigint | string | Value[] | { [key: string]: Value };

  /** A call that did not succeed. Its code is stable, the other three are for people. */
  interface Failure extends globalThis.Error {
    readonly name: 'CroniumError';
    readonly code: string;
    readonly title: string;
    readonly detail: string;
    readonly hint: string;
  }

  interface FailureConstructor {
    new (problem: { code: string; title: string; detail?: string; hint?: string }): Failure;
    readonly prototype: Failure;
  }

  /** What is known of the run. */
  interface Run {
    readonly runId: string;
    readonly attempt: number;
    readonly project: string;
    readonly job: string;
    readonly jobVersion: number;
    readonly timeoutSeconds: number;
    readonly workspace: string;
  }

  /** A file that a run keeps. */
  interface Artifact {
    readonly name: string;
    readonly size: number;
    readonly sha256: string;
    readonly content_type: string;
    readonly attempt: number;
    readonly made_at: string;
  }

  interface Calls {
    /** The value of an input of the run; otherwise, or null, if it has none. Secret inputs are in the environment only. */
    input(name: string, otherwise?: Value): Value;
    /** All inputs of the run that have a value, secret ones left out. */
    inputs(): { [name: string]: Value };
    /** Makes value the output of the run, at most 1 MiB of JSON; the last one counts. */
    output(value: Value): void;
    /** Sets one member of the output, which must be an object or not there yet; at most 256 keys. */
    updateOutput(key: string, value: Value): void;
    /** The value of a variable of the project; otherwise, or null, if there is none. */
    getVariable(name: string, otherwise?: Value): Value;
    /** Sets a variable of the project, at most 64 KiB of JSON. */
    setVariable(name: string, value: Value): void;
    /** Sets a variable to value if it is old (null: if it does not exist), and says whether it did. */
    compareAndSet(name: string, old: Value, value: Value): boolean;
    /** Adds to a variable, where a missing one counts as 0, and returns the new number. */
    increment(name: string, by?: number | bigint): number | bigint;
    /** The value of a secret of the project, which is masked in the log from then on. */
    secret(name: string): string;
    /** Keeps the file at path as an artifact of the run, in place of one of the same name. */
    artifact(name: string, path: string): void;
    /** Writes an artifact to the file at path: one of this run, or of another of the project by its id. */
    getArtifact(name: string, path: string, run?: string): void;
    /** The artifacts of the run, or of another of the project by its id. */
    artifacts(run?: string): Artifact[];
    /** Sets the condition of the run, for workflows and handlers. */
    condition(value: boolean): void;
    /** Shows how far the run is: a fraction from 0 to 1, or null, and at most 200 characters. */
    progress(fraction: number | null, text?: string): void;
    /** Says that the script is alive. */
    keepAlive(): void;
  }

  /** Lines in the log of the run: debug and info on standard output, the others on standard error. */
  interface Log {
    debug(message: unknown): void;
    info(message: unknown): void;
    warn(message: unknown): void;
    error(message: unknown): void;
  }

  /** The same calls, with promises. */
  type Promised<T> = {
    [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never;
  };

  interface Sync extends Calls {
    readonly run: Run;
    readonly log: Log;
    readonly Error: FailureConstructor;
    readonly async: Promised<Calls> & { run(): Promise<Run>; log: Promised<Log>; Error: FailureConstructor };
  }
}
