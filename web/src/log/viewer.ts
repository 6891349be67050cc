// The rows on the screen. React never touches what is inside: a fixed pool of elements is filled with the lines in view,
// inside a layer that sticks to the scroller, so a scrolled frame never shows emptiness.
import { collapse, parse, type Span } from './ansi';
import { paint, type Theme } from './colour';
import { Follow } from './follow';
import type { Find } from './find';
import type { Range } from './range';
import { rowHeight, Scroll } from './scroll';
import { size } from './size';
import { windowLines, type LogStore } from './store';
import { clock } from '../time/time';
import css from './viewer.module.css';

export const clipAt = 4096;
const restAfter = 140;

export interface ViewerWords {
  showAll: (size: string) => string;
  updates: (n: number) => string;
  stderr: string;
  log: string;
  line: (n: number) => string;
}

export interface ViewerEvents {
  need: (from: number, to: number) => void;
  follow: (following: boolean, unseen: number) => void;
  select: (range: Range) => void;
  showAll: (line: number) => void;
}

interface Row {
  el: HTMLDivElement;
  number: HTMLAnchorElement;
  time: HTMLSpanElement;
  mark: HTMLSpanElement;
  text: HTMLSpanElement;
  line: number;
  stamp: string;
}

export class LogViewer {
  readonly follow: Follow;
  readonly scroller: HTMLDivElement;
  private readonly store: LogStore;
  private readonly find: Find;
  private readonly words: ViewerWords;
  private readonly events: ViewerEvents;
  private readonly spacer = document.createElement('div');
  private readonly layer = document.createElement('div');
  private readonly scroll = new Scroll((i) => this.heightOf(i));
  private rows: Row[] = [];
  private heights = new Map<number, number>();
  private range: Range | null = null;
  private wrap = false;
  private times = false;
  private theme: Theme = 'light';
  private charWidth = 7.2;
  private widest = 0;
  private frame = 0;
  private rest: ReturnType<typeof setTimeout> | undefined;
  private lastTold = '';
  private densityAt = 0;
  private readonly observer: ResizeObserver;

  constructor(
    host: HTMLElement,
    store: LogStore,
    find: Find,
    words: ViewerWords,
    events: ViewerEvents,
    options: { follow: boolean },
  ) {
    this.store = store;
    this.find = find;
    this.words = words;
    this.events = events;
    this.follow = new Follow(options.follow);
    this.scroller = document.createElement('div');
    this.scroller.className = css.scroller ?? '';
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute('role', 'log');
    this.scroller.setAttribute('aria-live', 'off');
    this.scroller.setAttribute('aria-label', words.log);
    this.spacer.className = css.spacer ?? '';
    this.layer.className = css.layer ?? '';
    this.spacer.append(this.layer);
    this.scroller.append(this.spacer);
    host.append(this.scroller);
    this.scroller.addEventListener('scroll', this.onScroll, { passive: true });
    this.layer.addEventListener('click', this.onClick);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.scroller);
    this.resized();
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    this.scroller.remove();
  }

  /** Something in the store or in find changed: draw at the next frame. */
  changed = () => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  };

  setTheme(theme: Theme) {
    this.theme = theme;
    this.refill();
  }

  setWrap(wrap: boolean) {
    if (wrap === this.wrap) return;
    this.wrap = wrap;
    this.scroller.classList.toggle(css.wrap ?? '', wrap);
    this.heights.clear();
    this.densityAt = 0;
    this.widest = 0;
    this.spacer.style.minWidth = '';
    this.refill();
  }

  setTimes(times: boolean) {
    this.times = times;
    this.scroller.classList.toggle(css.times ?? '', times);
    this.heights.clear();
    this.refill();
  }

  setRange(range: Range | null) {
    this.range = range;
    this.changed();
  }

  /** Brings a line into view, a third from the top. */
  toLine(n: number) {
    this.follow.leave(this.store.count);
    this.scroll.count = this.store.count;
    this.putBar(this.scroll.toLine(n - 1));
    this.changed();
  }

  /** Brings a line into view if it is not. */
  reveal(n: number) {
    if (this.scroll.shows(n - 1)) this.changed();
    else this.toLine(n);
  }

  toEnd() {
    this.follow.moved(true);
    this.changed();
  }

  toStart() {
    this.follow.leave(this.store.count);
    this.scroll.line = 0;
    this.scroll.offset = 0;
    this.putBar(this.scroll.settle());
    this.changed();
  }

  /** The first line in view. */
  get top() {
    return this.scroll.line + 1;
  }

  private heightOf(i: number): number {
    if (!this.wrap) return rowHeight;
    const known = this.heights.get(i);
    if (known !== undefined) return known;
    const bytes = this.store.byteLength(i + 1);
    if (bytes <= 0) return rowHeight;
    return Math.max(1, Math.ceil(Math.min(bytes, clipAt) / this.columns)) * rowHeight;
  }

  private get columns() {
    const gutter = this.times ? 190 : 100;
    return Math.max(10, Math.floor((this.scroller.clientWidth - gutter) / this.charWidth));
  }

  private resized() {
    const view = this.scroller.clientHeight;
    if (view === 0) return;
    this.scroll.view = view;
    this.layer.style.height = `${view}px`;
    this.heights.clear();
    this.densityAt = 0;
    const probe = document.createElement('span');
    probe.className = css.probe ?? '';
    probe.textContent = 'M'.repeat(100);
    this.layer.append(probe);
    this.charWidth = probe.getBoundingClientRect().width / 100 || 7.2;
    probe.remove();
    this.changed();
  }

  private readonly onScroll = () => {
    const put = this.scroll.scrolled(this.scroller.scrollTop);
    if (put !== null) this.putBar(put);
    this.follow.moved(this.scroll.atEnd);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.atRest(), restAfter);
    this.changed();
  };

  private atRest() {
    if (Math.abs(this.scroll.bar - this.scroller.scrollTop) < 1) {
      const was = this.scroll.bar;
      const put = this.scroll.settle();
      if (Math.abs(put - was) >= 1) this.putBar(put);
    }
    this.changed();
  }

  private putBar(top: number) {
    const height = `${this.scroll.height}px`;
    if (this.spacer.style.height !== height) this.spacer.style.height = height;
    if (Math.abs(this.scroller.scrollTop - top) >= 1) this.scroller.scrollTop = top;
    this.scroll.bar = this.scroller.scrollTop;
  }

  private refill() {
    for (const r of this.rows) r.stamp = '';
    this.changed();
  }

  private draw() {
    if (this.scroll.view === 0) return;
    this.grow();
    let from = this.scroll.line;
    let used = this.place();
    // Wrapped rows are measured when drawn; the end is then known better, so follow looks again.
    if (this.wrap && this.follow.following) {
      this.putBar(this.scroll.toEnd());
      from = this.scroll.line;
      used = this.place();
    }
    this.store.evict(from + 1);
    this.events.need(from + 1 - Math.floor(windowLines / 10), from + used + Math.floor(windowLines / 10));
    const told = `${this.follow.following}${this.follow.unseen}`;
    if (told !== this.lastTold) {
      this.lastTold = told;
      this.events.follow(this.follow.following, this.follow.unseen);
    }
  }

  private grow() {
    const count = this.store.count;
    this.scroll.count = count;
    this.follow.grew(count);
    if (this.wrap && (this.densityAt === 0 || count > this.densityAt * 1.5)) {
      this.densityAt = Math.max(1, count);
      this.scroll.density = this.store.meanRows(this.columns, clipAt);
    }
    if (!this.wrap) this.scroll.density = 1;
    if (this.follow.following) this.putBar(this.scroll.toEnd());
    else {
      const height = `${this.scroll.height}px`;
      if (this.spacer.style.height !== height) this.spacer.style.height = height;
    }
    const digits = String(Math.max(1, count)).length;
    this.scroller.style.setProperty('--digits', `${Math.max(4, digits)}ch`);
  }

  /** Fills and places the rows in view; answers how many. */
  private place(): number {
    const lines: number[] = [];
    const most = Math.ceil(this.scroll.view / rowHeight) + 2;
    let y = -this.scroll.offset;
    for (
      let i = this.scroll.line;
      i < this.scroll.count && lines.length < most && y < this.scroll.view;
      i++
    ) {
      lines.push(i + 1);
      y += this.heightOf(i);
    }
    this.assign(lines);
    const fresh: Row[] = [];
    for (const r of this.rows) {
      if (r.line === 0) continue;
      if (this.fill(r)) fresh.push(r);
      const selected = this.range !== null && r.line >= this.range.from && r.line <= this.range.to;
      r.el.classList.toggle(css.selected ?? '', selected);
    }
    if (this.wrap) for (const r of fresh) this.heights.set(r.line - 1, r.el.offsetHeight || rowHeight);
    this.layOut();
    return lines.length;
  }

  private layOut() {
    let y = -this.scroll.offset;
    for (const r of this.rows) {
      if (r.line === 0) continue;
      r.el.style.transform = `translateY(${Math.round(y)}px)`;
      y += this.heightOf(r.line - 1);
    }
  }

  /** Gives each line a row, keeping rows that already show one and the order of elements that of lines. */
  private assign(lines: number[]) {
    while (this.rows.length < lines.length) this.rows.push(this.makeRow());
    const first = lines[0] ?? 0;
    const last = lines[lines.length - 1] ?? -1;
    const kept = new Map<number, Row>();
    const free: Row[] = [];
    for (const r of this.rows) {
      if (r.line >= first && r.line <= last && r.line !== 0) kept.set(r.line, r);
      else free.push(r);
    }
    for (const r of free) {
      if (r.line !== 0) this.layer.append(r.el);
      r.line = 0;
    }
    const next: Row[] = [];
    for (const n of lines) {
      let row = kept.get(n);
      if (!row) {
        row = free.shift() as Row;
        row.line = n;
        row.stamp = '';
        row.el.hidden = false;
      }
      next.push(row);
    }
    for (const r of free) {
      if (r.el.hidden) continue;
      r.el.hidden = true;
      r.text.textContent = '';
      delete r.el.dataset.line;
    }
    this.rows = [...next, ...free];
    for (let i = 0; i < next.length; i++) {
      const el = (next[i] as Row).el;
      const there = this.layer.children[i];
      if (there !== el) this.layer.insertBefore(el, there ?? null);
    }
  }

  private makeRow(): Row {
    const el = document.createElement('div');
    const number = document.createElement('a');
    const time = document.createElement('span');
    const mark = document.createElement('span');
    const text = document.createElement('span');
    el.className = css.row ?? '';
    number.className = css.number ?? '';
    time.className = css.time ?? '';
    mark.className = css.mark ?? '';
    text.className = css.text ?? '';
    number.tabIndex = -1;
    el.append(number, time, mark, text);
    el.hidden = true;
    this.layer.append(el);
    return { el, number, time, mark, text, line: 0, stamp: '' };
  }

  /** Writes a line into its row unless it already shows exactly that. */
  private fill(r: Row): boolean {
    const n = r.line;
    const bytes = this.store.byteLength(n);
    const stamp = `${bytes},${this.find.revision}`;
    if (r.stamp === stamp) return false;
    r.stamp = stamp;
    r.el.dataset.line = String(n);
    r.number.textContent = String(n);
    r.number.href = `#L${n}`;
    r.number.setAttribute('aria-label', this.words.line(n));
    const raw = this.store.text(n);
    if (raw === null) {
      r.el.dataset.stream = 'none';
      r.time.textContent = '';
      r.mark.textContent = '';
      r.text.textContent = '';
      return true;
    }
    const stream = this.store.stream(n);
    r.el.dataset.stream = stream;
    r.time.textContent = clock(this.store.at(n));
    r.mark.textContent = stream === 'err' ? this.words.stderr : '';
    this.write(r, raw, n);
    return true;
  }

  private write(r: Row, raw: string, n: number) {
    const spans = parse(raw, clipAt);
    const marks = this.find.marks(n);
    const only = spans[0];
    if (marks.length === 0 && spans.length === 1 && only && only.style === null)
      r.text.textContent = only.text;
    else {
      r.text.textContent = '';
      this.writeSpans(r.text, spans, marks, n);
    }
    let shown = 0;
    for (const s of spans) shown += s.text.length;
    const { updates } = collapse(raw);
    if (updates > 0) r.text.append(this.note(this.words.updates(updates)));
    const whole = this.store.cutLength(n) ?? raw.length;
    if (shown >= clipAt && whole > clipAt) r.text.append(this.more(n, whole));
    const width = shown + 12;
    if (!this.wrap && width > this.widest) {
      this.widest = width;
      this.spacer.style.minWidth = `calc(var(--gutter) + ${Math.ceil(width * this.charWidth)}px)`;
    }
  }

  private note(text: string) {
    const el = document.createElement('span');
    el.className = css.note ?? '';
    el.textContent = text;
    return el;
  }

  private more(n: number, length: number) {
    const el = document.createElement('button');
    el.type = 'button';
    el.className = css.more ?? '';
    el.textContent = this.words.showAll(size(length));
    el.dataset.all = String(n);
    return el;
  }

  private writeSpans(into: HTMLElement, spans: Span[], marks: { start: number; end: number }[], n: number) {
    let at = 0;
    const current = this.find.current;
    for (const s of spans) {
      let rest = s.text;
      while (rest !== '') {
        const hit = marks.find((m) => m.end > at && m.start < at + rest.length);
        const inside = hit !== undefined && hit.start <= at;
        const upTo = !hit ? rest.length : inside ? Math.min(rest.length, hit.end - at) : hit.start - at;
        const piece = this.piece(rest.slice(0, upTo), s, inside);
        if (inside && current?.line === n && current.start === hit.start)
          piece.classList.add(css.current ?? '');
        into.append(piece);
        at += upTo;
        rest = rest.slice(upTo);
      }
    }
  }

  private piece(text: string, s: Span, hit: boolean): HTMLElement {
    const el = document.createElement(hit ? 'mark' : s.style?.href ? 'a' : 'span');
    el.textContent = text;
    if (el instanceof HTMLAnchorElement && s.style) {
      el.href = s.style.href;
      el.rel = 'noopener noreferrer';
      el.target = '_blank';
    }
    if (!s.style) return el;
    if (!hit) {
      const c = paint(s.style, this.theme);
      if (c.color) el.style.color = c.color;
      if (c.background) el.style.backgroundColor = c.background;
    }
    if (s.style.bold) el.style.fontWeight = '700';
    if (s.style.italic) el.style.fontStyle = 'italic';
    if (s.style.dim && !hit && s.style.fg < 0) el.style.color = 'var(--text-2)';
    const lines = [s.style.underline ? 'underline' : '', s.style.strike ? 'line-through' : '']
      .join(' ')
      .trim();
    if (lines) el.style.textDecoration = lines;
    return el;
  }

  private readonly onClick = (e: MouseEvent) => {
    const target = e.target as HTMLElement;
    const all = target.closest<HTMLElement>('[data-all]');
    if (all) return this.events.showAll(Number(all.dataset.all));
    const link = target.closest<HTMLAnchorElement>(`.${css.number}`);
    if (!link || e.ctrlKey || e.metaKey || e.button !== 0) return;
    e.preventDefault();
    const n = Number(link.textContent);
    const anchor = e.shiftKey && this.range ? this.range.from : n;
    this.events.select({ from: Math.min(anchor, n), to: Math.max(anchor, n) });
  };
}
