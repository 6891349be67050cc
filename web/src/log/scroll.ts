// Where the reader is in a log of any length.
//
// The truth is an anchor: the line at the top and how many of its pixels are hidden. The scroll bar is an input device:
// browsers clamp tall elements (Chromium at 33,554,428 px), so the scrolled element is at most `maxHeight` px tall. Small
// moves shift the anchor by the same pixels; a jump (thumb, Home, End) maps the bar's position to the log's; when the bar
// rests, it is put where the anchor says. For logs shorter than the cap without wrapping, bar and anchor never differ.

export const maxHeight = 8_000_000;
export const rowHeight = 20;

export class Scroll {
  count = 0;
  view = 0;
  /** Index (from 0) of the line at the top, and its hidden pixels. */
  line = 0;
  offset = 0;
  /** The bar's position as last seen or set. */
  bar = 0;
  /** Mean rows per line; 1 without wrapping. Shapes the bar only. */
  density = 1;
  heightOf: (index: number) => number;

  constructor(heightOf: (index: number) => number = () => rowHeight) {
    this.heightOf = heightOf;
  }

  /** The topmost anchor at which the last line ends at the bottom of the view. */
  private end(): { line: number; offset: number } {
    let space = this.view;
    for (let i = this.count - 1; i >= 0; i--) {
      const h = this.heightOf(i);
      if (h >= space) return { line: i, offset: h - space };
      space -= h;
    }
    return { line: 0, offset: 0 };
  }

  private get endPosition() {
    const e = this.end();
    return e.line + e.offset / this.heightOf(e.line);
  }

  private get position() {
    return this.line + this.offset / this.heightOf(this.line);
  }

  /** Height of the scrolled element. */
  get height(): number {
    if (this.endPosition === 0) return this.view;
    const natural = this.count * rowHeight * Math.max(1, this.density);
    return Math.round(Math.min(maxHeight, Math.max(natural, this.view * 1.25)));
  }

  private get barMax() {
    return Math.max(0, this.height - this.view);
  }

  get atEnd(): boolean {
    const e = this.end();
    if (this.line !== e.line) return this.line > e.line;
    return this.offset >= e.offset - 2;
  }

  /** The bar moved to `bar`. Answers where it must be put, or null when it may stay. */
  scrolled(bar: number): number | null {
    const by = bar - this.bar;
    if (Math.abs(by) < 1) return null;
    this.bar = bar;
    if (Math.abs(by) > this.view * 1.5) this.toFraction(this.barMax === 0 ? 0 : bar / this.barMax);
    else this.moveBy(by);
    // The bar stopped at an end which the log has not reached: give it room at once.
    const top = this.line === 0 && this.offset === 0;
    if ((bar <= 0 && !top) || (bar >= this.barMax - 1 && !this.atEnd)) return this.settle();
    return null;
  }

  /** Shifts the view by pixels. */
  moveBy(px: number) {
    let y = this.offset + px;
    let i = this.line;
    while (y < 0 && i > 0) y += this.heightOf(--i);
    while (i < this.count - 1 && y >= this.heightOf(i)) y -= this.heightOf(i++);
    this.line = i;
    this.offset = Math.max(0, y);
    this.clamp();
  }

  private toFraction(f: number) {
    const p = Math.min(1, Math.max(0, f)) * this.endPosition;
    this.line = Math.min(Math.floor(p), Math.max(0, this.count - 1));
    this.offset = (p - this.line) * this.heightOf(this.line);
    this.clamp();
  }

  /** Puts line `index` a third from the top, where the eye looks. */
  toLine(index: number): number {
    this.line = Math.min(Math.max(0, index), Math.max(0, this.count - 1));
    this.offset = 0;
    this.moveBy(-Math.floor(this.view / 3));
    return this.settle();
  }

  toEnd(): number {
    const e = this.end();
    this.line = e.line;
    this.offset = e.offset;
    return this.settle();
  }

  /** Whether line `index` is wholly in view. */
  shows(index: number): boolean {
    if (index < this.line || (index === this.line && this.offset > 0)) return false;
    let y = -this.offset;
    for (let i = this.line; i < this.count && y < this.view; i++) {
      const bottom = y + this.heightOf(i);
      if (i === index) return bottom <= this.view;
      y = bottom;
    }
    return false;
  }

  /** Where the bar belongs for the current anchor; remembers it. */
  settle(): number {
    this.clamp();
    const end = this.endPosition;
    this.bar = end === 0 ? 0 : (this.position / end) * this.barMax;
    return this.bar;
  }

  private clamp() {
    const e = this.end();
    if (this.line > e.line || (this.line === e.line && this.offset > e.offset)) {
      this.line = e.line;
      this.offset = e.offset;
    }
  }
}
