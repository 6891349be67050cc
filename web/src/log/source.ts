// Brings a log from the hub into a store: windows by request where the reader looks, the tail over the socket.
import { at, get, query } from '../request';
import type { Message, Socket } from '../socket/socket';
import type { LogWindow } from '../types';
import { LogStore, windowLines, type LiveBatch } from './store';

export interface Place {
  project: string;
  run: string;
  /** 0: the logs of all targets of a run that fans out. */
  attempt: number;
}

/** Where the lines of a log come from. */
export interface Source {
  readonly store: LogStore;
  error: unknown;
  open: (line: number) => Promise<void>;
  need: (from: number, to: number) => void;
  text: (from: number, to: number) => Promise<string[]>;
  stop: () => void;
}

const parallel = 2;
const retryAfter = 3000;

export function logPath(p: Place): string {
  return at('projects', p.project, 'runs', p.run, 'log');
}

export function windowURL(p: Place, from: number, limit: number): string {
  return logPath(p) + query({ attempt: p.attempt, from, limit });
}

export class LogSource implements Source {
  readonly store = new LogStore();
  error: unknown = null;
  private readonly place: Place;
  private readonly socket: Pick<Socket, 'subscribe'>;
  private readonly changed: () => void;
  private readonly aborter = new AbortController();
  private wanted: number[] = [];
  private loading = new Set<number>();
  private failedAt = new Map<number, number>();
  private unsubscribe: (() => void) | null = null;
  private opened = false;

  constructor(place: Place, socket: Pick<Socket, 'subscribe'>, changed: () => void) {
    this.place = place;
    this.socket = socket;
    this.changed = changed;
  }

  /** Opens at a line, or at the end (0). Resolves when the first window is here. */
  async open(line: number): Promise<void> {
    try {
      await this.fetch(LogStore.windowOf(Math.max(1, line)));
      const tail = LogStore.windowOf(Math.max(1, this.store.count));
      if (line === 0 && !this.store.whole(tail)) await this.fetch(tail);
      this.error = null;
    } catch (err) {
      if (this.aborter.signal.aborted) return;
      this.error = err;
      this.changed();
      return;
    }
    this.opened = true;
    this.changed();
    if (!this.store.complete) this.listen();
  }

  /** Lines the reader looks at. Cheap to call on every frame. */
  need(from: number, to: number) {
    if (!this.opened) return;
    this.wanted = this.store.missing(from, to).filter((w) => !this.loading.has(w));
    this.pump();
  }

  /** The text of a range, fetched if it is not held. */
  async text(from: number, to: number): Promise<string[]> {
    const out: string[] = [];
    for (let n = from; n <= to;) {
      if (!this.store.has(n)) await this.fetch(LogStore.windowOf(n));
      const held = this.store.text(n);
      if (held === null) throw new Error(`line ${n} is not there`);
      for (let t: string | null = held; t !== null && n <= to; t = this.store.text(++n)) out.push(t);
    }
    return out;
  }

  stop() {
    this.aborter.abort();
    this.unsubscribe?.();
  }

  private pump() {
    const now = Date.now();
    for (const w of this.wanted) {
      if (this.loading.size >= parallel) return;
      if (this.loading.has(w) || now - (this.failedAt.get(w) ?? 0) < retryAfter) continue;
      this.loading.add(w);
      this.fetch(w)
        .then(
          () => {
            this.error = null;
            this.failedAt.delete(w);
          },
          (err: unknown) => {
            if (this.aborter.signal.aborted) return;
            this.error = err;
            this.failedAt.set(w, Date.now());
            setTimeout(() => this.changed(), retryAfter);
          },
        )
        .finally(() => {
          this.loading.delete(w);
          if (!this.aborter.signal.aborted) this.changed();
        });
    }
  }

  private async fetch(w: number) {
    const first = LogStore.firstOf(w);
    const res = await get<LogWindow>(windowURL(this.place, first, windowLines), this.aborter.signal);
    // An answer holds a few megabytes at most: very long lines take several to fill a window.
    for (
      let have = res.lines.length;
      have > 0 && have < windowLines && first + have <= res.total;
      have = res.lines.length
    ) {
      const more = await get<LogWindow>(
        windowURL(this.place, first + have, windowLines - have),
        this.aborter.signal,
      );
      if (more.lines.length === 0) break;
      res.lines.push(...more.lines);
      Object.assign(res, { total: more.total, bytes: more.bytes, complete: more.complete, open: more.open });
    }
    this.store.put(res);
    if (res.complete && this.unsubscribe && this.store.resumeFrom() > res.total) this.end();
  }

  private listen() {
    if (this.unsubscribe || this.aborter.signal.aborted) return;
    this.unsubscribe = this.socket.subscribe(
      () => ({ topic: 'log', ...this.place, from: this.store.resumeFrom() }),
      (m) => this.receive(m),
    );
  }

  private receive(m: Message) {
    if (m.type === 'log') {
      this.store.live(m as unknown as LiveBatch);
      if (this.store.complete) this.end();
    } else if (m.type === 'end') {
      this.store.finish();
      this.end();
    } else if (m.type === 'error') {
      this.error = new Error(m.problem?.detail ?? m.problem?.title ?? 'The live log stopped.');
    }
    this.changed();
  }

  private end() {
    this.unsubscribe?.();
    this.unsubscribe = null;
  }
}
