// Brings the merged logs of all targets of a run into a store, from the beginning on, by asking again and again. Their
// lines have no numbers of their own: they are numbered here, in the order in which they come.
import { at, get, query } from '../request';
import type { TargetsLog } from '../types';
import { LogStore } from './store';
import type { Place, Source } from './source';

const waitSeconds = 15;
const retryAfter = 3000;
/** What is held of all logs together; the rest is in the download. */
const mostBytes = 64 * 1024 * 1024;

export class TargetsSource implements Source {
  // Nothing is dropped: a line that has gone could not be fetched again by its number.
  readonly store = new LogStore(Infinity);
  error: unknown = null;
  private readonly path: string;
  private readonly changed: () => void;
  private readonly aborter = new AbortController();
  private cursor = '';
  private running = false;
  private readonly most: number;

  constructor(place: Place, changed: () => void, most = mostBytes) {
    this.path = at('projects', place.project, 'runs', place.run, 'log', 'targets');
    this.changed = changed;
    this.most = most;
  }

  /** Resolves when the first piece is here; the others follow. */
  async open(): Promise<void> {
    if (this.running) return;
    this.running = true;
    await this.next(0);
    void this.follow();
  }

  need() {}

  async text(from: number, to: number): Promise<string[]> {
    const out: string[] = [];
    for (let n = from; n <= to; n++) out.push(this.store.text(n) ?? '');
    return Promise.resolve(out);
  }

  stop() {
    this.aborter.abort();
  }

  private async follow() {
    while (!this.aborter.signal.aborted && !this.store.complete) {
      if (this.store.bytes >= this.most) {
        this.error = new Error(
          'These logs are longer than a browser can show. Download them to read the rest.',
        );
        break;
      }
      if (!(await this.next(waitSeconds))) await new Promise((done) => setTimeout(done, retryAfter));
    }
    this.running = false;
    if (!this.aborter.signal.aborted) this.changed();
  }

  private async next(wait: number): Promise<boolean> {
    try {
      const piece = await get<TargetsLog>(
        this.path + query({ cursor: this.cursor, limit: 2000, wait }),
        this.aborter.signal,
      );
      this.take(piece);
      this.error = null;
    } catch (err) {
      if (this.aborter.signal.aborted) return false;
      this.error = err;
    }
    this.changed();
    return this.error === null;
  }

  private take(piece: TargetsLog) {
    const lines = piece.lines.map((l) => `[${l.target}] ${l.text}`);
    this.store.live({
      from: this.store.count + 1,
      at: piece.lines.map((l) => Date.parse(l.at)),
      streams: piece.lines.map((l) => l.stream[0]).join(''),
      text: lines.join('\n'),
      open: false,
      complete: piece.complete,
      total: this.store.count + lines.length,
    });
    this.store.bytes += lines.reduce((n, l) => n + l.length + 1, 0);
    this.cursor = piece.cursor;
  }
}
