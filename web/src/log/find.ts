// Find over the whole log, loaded or not, while it grows. Windows are asked one by one from where the reader is, in a
// worker: held windows are sent as bytes, the others are fetched there. A pattern that takes too long is stopped.
import type { Ask, Reply } from './find.worker';
import { compile, type Query } from './match';
import { LogStore, windowLines } from './store';

export interface Hit {
  line: number;
  start: number;
  end: number;
}

export interface FindState {
  query: Query | null;
  total: number;
  /** 1-based, 0 when no hit is chosen yet. */
  index: number;
  busy: boolean;
  capped: boolean;
  error: string;
}

const mostHits = 100_000;
const patience = 4000;

type Mailbox = Pick<Worker, 'postMessage' | 'terminate'> & {
  onmessage: ((e: MessageEvent<Reply>) => void) | null;
};

export class Find {
  state: FindState = { query: null, total: 0, index: 0, busy: false, capped: false, error: '' };
  current: Hit | null = null;
  /** Rises when marks may have changed. */
  revision = 0;
  private readonly store: LogStore;
  private readonly url: string;
  private readonly makeWorker: () => Mailbox;
  private readonly changed: () => void;
  private worker: Mailbox | null = null;
  private hits = new Map<number, Float64Array>();
  private scannedTo = new Map<number, number>();
  private todo: number[] = [];
  private asked: { id: number; window: number; upTo: number } | null = null;
  private nextId = 1;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private jump: ((line: number) => void) | null = null;
  private origin = 1;

  constructor(store: LogStore, url: string, changed: () => void, makeWorker: () => Mailbox) {
    this.store = store;
    this.url = url;
    this.changed = changed;
    this.makeWorker = makeWorker;
  }

  /** Starts over with a query; `onFirst` is told the line of the first hit at or after `from`. */
  start(query: Query | null, from: number, onFirst: (line: number) => void) {
    this.reset();
    this.origin = from;
    this.jump = onFirst;
    if (!query || query.text === '') return this.publish({ query: null });
    try {
      compile(query);
    } catch (err) {
      return this.publish({ query, error: (err as Error).message });
    }
    const windows = Math.ceil(this.store.count / windowLines);
    const here = LogStore.windowOf(Math.max(1, from));
    for (let i = 0; i < windows; i++) this.todo.push((here + i) % windows);
    this.publish({ query, busy: this.todo.length > 0 });
    this.pump();
  }

  /** The log grew: looks at what is new. */
  grew() {
    if (!this.state.query || this.state.error || this.state.capped) return;
    const last = LogStore.windowOf(Math.max(1, this.store.count));
    const known = Math.max(-1, ...this.scannedTo.keys());
    for (let w = Math.max(0, Math.min(known, last)); w <= last; w++) {
      const end = Math.min(this.store.count, LogStore.firstOf(w) + windowLines - 1);
      if ((this.scannedTo.get(w) ?? 0) < end && !this.todo.includes(w)) this.todo.push(w);
    }
    this.pump();
  }

  next(forward: boolean): Hit | null {
    const order = [...this.hits.keys()].sort((a, b) => a - b);
    const all = this.state.total;
    if (all === 0) return null;
    const now = this.current ?? { line: this.origin, start: forward ? -1 : 0, end: 0 };
    const after = (h: Hit) => h.line > now.line || (h.line === now.line && h.start > now.start);
    const before = (h: Hit) => h.line < now.line || (h.line === now.line && h.start < now.start);
    const walk = forward ? order : [...order].reverse();
    let first: Hit | null = null;
    for (const w of walk) {
      for (const h of this.inWindow(w, forward)) {
        first ??= h;
        if (forward ? after(h) : before(h)) return this.choose(h);
      }
    }
    return first && this.choose(first); // wraps around
  }

  /** Hits on one line, for the rows in view. */
  marks(line: number): Hit[] {
    const t = this.hits.get(LogStore.windowOf(line));
    if (!t) return [];
    let lo = 0;
    let hi = t.length / 3;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if ((t[mid * 3] ?? 0) < line) lo = mid + 1;
      else hi = mid;
    }
    const out: Hit[] = [];
    for (let i = lo; i * 3 < t.length && t[i * 3] === line; i++)
      out.push({ line, start: t[i * 3 + 1] ?? 0, end: t[i * 3 + 2] ?? 0 });
    return out;
  }

  stop() {
    this.reset();
    this.worker?.terminate();
    this.worker = null;
  }

  private *inWindow(w: number, forward: boolean): Iterable<Hit> {
    const t = this.hits.get(w);
    if (!t) return;
    const n = t.length / 3;
    for (let k = 0; k < n; k++) {
      const i = (forward ? k : n - 1 - k) * 3;
      yield { line: t[i] ?? 0, start: t[i + 1] ?? 0, end: t[i + 2] ?? 0 };
    }
  }

  private choose(h: Hit): Hit {
    this.current = h;
    this.publish({ index: this.indexOf(h) });
    return h;
  }

  private indexOf(h: Hit): number {
    let index = 0;
    const here = LogStore.windowOf(h.line);
    for (const [w, t] of this.hits) {
      if (w < here) index += t.length / 3;
      else if (w === here)
        for (const o of this.inWindow(w, true))
          if (o.line < h.line || (o.line === h.line && o.start <= h.start)) index++;
    }
    return index;
  }

  private pump() {
    if (this.asked) return;
    const w = this.todo.shift();
    if (w === undefined) return void (this.state.busy && this.publish({ busy: false }));
    const query = this.state.query;
    if (!query) return;
    const first = LogStore.firstOf(w);
    const upTo = Math.min(this.store.count, first + windowLines - 1);
    this.asked = { id: this.nextId++, window: w, upTo };
    const held = this.store.snapshot(w);
    const head = { id: this.asked.id, query, most: mostHits - this.state.total };
    const ask: Ask = held
      ? { ...head, ...held }
      : { ...head, url: this.url, from: first, limit: windowLines };
    if (!this.worker) {
      this.worker = this.makeWorker();
      this.worker.onmessage = (e) => this.received(e.data);
    }
    this.worker.postMessage(ask, held ? [held.bytes.buffer, held.starts.buffer] : []);
    if (held) this.timer = setTimeout(() => this.tooSlow(), patience);
  }

  private received(reply: Reply) {
    if (this.asked?.id !== reply.id) return;
    clearTimeout(this.timer);
    const { window, upTo } = this.asked;
    this.asked = null;
    const before = (this.hits.get(window)?.length ?? 0) / 3;
    const found = reply.hits.length / 3;
    this.hits.set(window, reply.hits);
    this.scannedTo.set(window, upTo);
    const total = this.state.total - before + found;
    const capped = total >= mostHits;
    if (capped) this.todo = [];
    this.publish({
      total,
      capped,
      busy: this.todo.length > 0,
      error: reply.error ? `Not searched everywhere: ${reply.error}` : this.state.error,
    });
    if (this.jump && found > 0) {
      const jump = this.jump;
      this.jump = null;
      const hit = this.next(true);
      if (hit) jump(hit.line);
    } else if (this.current) this.publish({ index: this.indexOf(this.current) });
    this.pump();
  }

  private tooSlow() {
    this.worker?.terminate();
    this.worker = null;
    this.asked = null;
    this.todo = [];
    this.publish({ busy: false, error: 'This pattern takes too long. Make it simpler.' });
  }

  private reset() {
    clearTimeout(this.timer);
    if (this.asked) {
      this.worker?.terminate();
      this.worker = null;
    }
    this.asked = null;
    this.todo = [];
    this.hits.clear();
    this.scannedTo.clear();
    this.current = null;
    this.jump = null;
    this.state = { query: null, total: 0, index: 0, busy: false, capped: false, error: '' };
  }

  private publish(part: Partial<FindState>) {
    this.state = { ...this.state, ...part };
    this.revision++;
    this.changed();
  }
}
