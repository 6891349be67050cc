// The raw bytes of a log, in windows of a thousand lines. Each window is a Uint8Array with a Float64 index of line starts;
// windows far from the reader are dropped when the budget is spent and fetched again when they are needed.
import type { LogWindow } from '../types';

export const windowLines = 1000;
export const budgetBytes = 64 * 1024 * 1024;

export type Stream = 'out' | 'err' | 'sys';
const streams: Stream[] = ['out', 'err', 'sys'];
const cutFlag = 4;
const openFlag = 8;

export interface LiveBatch {
  from: number;
  at: number[];
  streams: string;
  text: string;
  open: boolean;
  complete: boolean;
  total?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One window: the contiguous lines lo … hi-1 of its thousand. */
class Block {
  lo: number;
  hi: number;
  bytes = new Uint8Array(4096);
  used = 0;
  readonly starts = new Float64Array(windowLines + 1);
  readonly at = new Float64Array(windowLines);
  readonly kind = new Uint8Array(windowLines);
  lengths: Map<number, number> | null = null;

  constructor(first: number) {
    this.lo = first;
    this.hi = first;
  }

  get cost() {
    return this.bytes.length + windowLines * 17;
  }

  append(text: string, at: number, kind: number, length?: number) {
    this.reserve(text.length * 3);
    const i = this.hi - this.lo;
    const { written } = encoder.encodeInto(text, this.bytes.subarray(this.used));
    this.used += written;
    this.at[i] = at;
    this.kind[i] = kind;
    if (length !== undefined) (this.lengths ??= new Map()).set(this.hi, length);
    this.hi++;
    this.starts[i + 1] = this.used;
  }

  dropLast() {
    this.hi--;
    this.used = this.starts[this.hi - this.lo] ?? 0;
  }

  copyFrom(other: Block, n: number) {
    this.append(
      other.text(n),
      other.at[n - other.lo] ?? 0,
      other.kind[n - other.lo] ?? 0,
      other.lengths?.get(n),
    );
  }

  has(n: number) {
    return n >= this.lo && n < this.hi;
  }

  text(n: number): string {
    const i = n - this.lo;
    return decoder.decode(this.bytes.subarray(this.starts[i], this.starts[i + 1]));
  }

  byteLength(n: number): number {
    const i = n - this.lo;
    return (this.starts[i + 1] ?? 0) - (this.starts[i] ?? 0);
  }

  trim() {
    if (this.bytes.length > this.used + 1024) this.bytes = this.bytes.slice(0, this.used);
  }

  private reserve(more: number) {
    if (this.used + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.used + more, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }
}

export class LogStore {
  /** Lines known to exist, loaded or not. */
  count = 0;
  /** Bytes of the log on the hub, as last heard. */
  bytes = 0;
  complete = false;
  private openTail = false;
  private blocks = new Map<number, Block>();
  private held = 0;
  private readonly budget: number;

  constructor(budget = budgetBytes) {
    this.budget = budget;
  }

  static windowOf(n: number) {
    return Math.floor((n - 1) / windowLines);
  }
  static firstOf(window: number) {
    return window * windowLines + 1;
  }

  get heldBytes() {
    return this.held;
  }

  /** The first line a live subscription still has to send. An open line is sent again. */
  resumeFrom(): number {
    return this.openTail ? this.count : this.count + 1;
  }

  /** Takes a fetched window; what arrived live meanwhile wins over it. */
  put(res: LogWindow) {
    this.bytes = Math.max(this.bytes, res.bytes);
    const last = res.lines[res.lines.length - 1];
    // The answer may be older than what came over the socket since.
    if (res.total >= this.count) {
      if (res.total > this.count) this.openTail = res.open;
      this.count = res.total;
      this.complete ||= res.complete;
    }
    for (let i = 0; i < res.lines.length;) {
      const first = res.lines[i];
      if (!first) break;
      const w = LogStore.windowOf(first.n);
      let j = i;
      while (j < res.lines.length && LogStore.windowOf(res.lines[j]?.n ?? 0) === w) j++;
      this.replace(w, res.lines.slice(i, j), res.open ? (last?.n ?? 0) : 0);
      i = j;
    }
  }

  private replace(w: number, lines: LogWindow['lines'], openLine: number) {
    const old = this.blocks.get(w);
    const first = lines[0];
    if (!first) return;
    const block = new Block(first.n);
    for (const l of lines) {
      if (l.n === openLine && old?.has(l.n)) block.copyFrom(old, l.n);
      else {
        const kind = streams.indexOf(l.stream) | (l.cut ? cutFlag : 0) | (l.n === openLine ? openFlag : 0);
        block.append(l.text, Date.parse(l.at), Math.max(0, kind), l.cut ? l.length : undefined);
      }
    }
    if (old) for (let n = block.hi; old.has(n); n++) block.copyFrom(old, n);
    if (block.hi - block.lo === windowLines) block.trim();
    this.set(w, block);
  }

  /** Takes a batch of the live tail; lines already held are dropped, so a reconnect neither loses nor doubles any. */
  live(m: LiveBatch): number {
    const lines = m.at.length === 0 ? [] : m.text.split('\n');
    let added = 0;
    for (let i = 0; i < m.at.length; i++) {
      const n = m.from + i;
      const open = m.open && i === m.at.length - 1;
      if (n < this.count || (n === this.count && !this.openTail)) continue;
      const kind = m.streams[i] === 'e' ? 1 : m.streams[i] === 's' ? 2 : 0;
      this.appendTail(n, lines[i] ?? '', m.at[i] ?? 0, kind | (open ? openFlag : 0));
      if (n > this.count) added++;
      this.count = n;
      this.openTail = open;
    }
    // Every batch says whether the log is whole on the hub; it is whole here when its last line has come.
    if (m.complete && this.count >= (m.total ?? 0)) this.finish();
    return added;
  }

  /** The log is whole: nothing more will come. */
  finish() {
    this.complete = true;
    this.openTail = false;
  }

  private appendTail(n: number, text: string, at: number, kind: number) {
    const w = LogStore.windowOf(n);
    let block = this.blocks.get(w);
    const before = block?.cost ?? 0;
    if (block?.has(n) && n === block.hi - 1) block.dropLast();
    if (!block || block.hi !== n) {
      // Lines before it were never loaded: the window is fetched whole if somebody looks there.
      block = new Block(n);
      this.blocks.set(w, block);
    }
    block.append(text, at, kind);
    if (n === LogStore.firstOf(w) + windowLines - 1 && (kind & openFlag) === 0) block.trim();
    this.held += block.cost - before;
  }

  private set(w: number, block: Block) {
    this.held += block.cost - (this.blocks.get(w)?.cost ?? 0);
    this.blocks.set(w, block);
  }

  has(n: number): boolean {
    return this.blocks.get(LogStore.windowOf(n))?.has(n) ?? false;
  }

  text(n: number): string | null {
    const b = this.blocks.get(LogStore.windowOf(n));
    return b?.has(n) ? b.text(n) : null;
  }

  at(n: number): number {
    const b = this.blocks.get(LogStore.windowOf(n));
    return b?.has(n) ? (b.at[n - b.lo] ?? 0) : 0;
  }

  stream(n: number): Stream {
    const b = this.blocks.get(LogStore.windowOf(n));
    return streams[b?.has(n) ? (b.kind[n - b.lo] ?? 0) & 3 : 0] ?? 'out';
  }

  /** The whole length of a line the hub cut, or undefined. */
  cutLength(n: number): number | undefined {
    return this.blocks.get(LogStore.windowOf(n))?.lengths?.get(n);
  }

  byteLength(n: number): number {
    const b = this.blocks.get(LogStore.windowOf(n));
    return b?.has(n) ? b.byteLength(n) : -1;
  }

  /** The windows between two lines that are not wholly here. */
  missing(from: number, to: number): number[] {
    const out: number[] = [];
    const last = Math.min(to, this.count);
    for (let w = LogStore.windowOf(Math.max(1, from)); w <= LogStore.windowOf(Math.max(1, last)); w++) {
      if (!this.whole(w)) out.push(w);
    }
    return this.count === 0 ? [] : out;
  }

  whole(w: number): boolean {
    const b = this.blocks.get(w);
    const first = LogStore.firstOf(w);
    return b !== undefined && b.lo === first && b.hi > Math.min(this.count, first + windowLines - 1);
  }

  /** A copy of a whole window for the find worker, or null. */
  snapshot(w: number): { first: number; bytes: Uint8Array; starts: Float64Array } | null {
    const b = this.blocks.get(w);
    if (!b || !this.whole(w)) return null;
    return { first: b.lo, bytes: b.bytes.slice(0, b.used), starts: b.starts.slice(0, b.hi - b.lo + 1) };
  }

  /** Drops windows furthest from a line until the budget holds; the live tail stays, it cannot be replayed cheaply. */
  evict(around: number) {
    if (this.held <= this.budget) return;
    const here = LogStore.windowOf(Math.max(1, around));
    const tail = LogStore.windowOf(Math.max(1, this.count));
    const order = [...this.blocks.keys()].sort((a, b) => Math.abs(b - here) - Math.abs(a - here));
    for (const w of order) {
      if (this.held <= this.budget) return;
      if (w === tail || Math.abs(w - here) <= 1) continue;
      this.held -= this.blocks.get(w)?.cost ?? 0;
      this.blocks.delete(w);
    }
  }

  /** Mean rows per loaded line when wrapped at `columns`, for the length of the scroll bar only. */
  meanRows(columns: number, longest: number): number {
    let rows = 0;
    let lines = 0;
    for (const b of this.blocks.values()) {
      for (let n = b.lo; n < b.hi; n++) {
        rows += Math.max(1, Math.ceil(Math.min(b.byteLength(n), longest) / columns));
        lines++;
      }
    }
    return lines === 0 ? 1 : rows / lines;
  }
}
