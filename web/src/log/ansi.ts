// What a terminal would show of one line: colours and weight as data, everything that moves a cursor dropped, control
// characters as glyphs. Nothing here makes markup.

export interface Style {
  /** -1 default, 0–255 palette, or 0x1000000 | rgb. */
  fg: number;
  bg: number;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
  href: string;
}

export interface Span {
  text: string;
  style: Style | null;
}

const plainStyle: Style = {
  fg: -1,
  bg: -1,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
  href: '',
};
export const trueColour = 0x1000000;

// Everything that needs a second look: C0 without tab, DEL, C1, and the characters that reorder text.

const special = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const specialAll = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// CSI, OSC (ended by BEL or ST), other strings, and two-character escapes.
const escape =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\]([^\x07\x1b]*)(?:\x07|\x1b\\|$)|[PX^_][^\x1b]*(?:\x1b\\|$)|\[[0-?]*[ -/]*$|[ -/]*[0-~]|$)/g;

/** Collapses a progress line to its last state. */
export function collapse(line: string): { text: string; updates: number } {
  if (!line.includes('\r')) return { text: line, updates: 0 };
  const states = line.split('\r').filter((s) => s !== '');
  return { text: states[states.length - 1] ?? '', updates: Math.max(0, states.length - 1) };
}

function glyph(c: string): string {
  const code = c.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (code < 0xa0) return '\ufffd';
  return `‹${code.toString(16).toUpperCase()}›`;
}

const visible = (text: string) => (special.test(text) ? text.replace(specialAll, glyph) : text);

/** The characters a reader sees, for find and for copying. */
export function plain(line: string): string {
  const { text } = collapse(line);
  if (!special.test(text)) return text;
  return visible(text.replace(escape, ''));
}

/** Parses one line into spans; stops after `limit` visible characters. */
export function parse(line: string, limit = Infinity): Span[] {
  const { text } = collapse(line);
  if (!special.test(text)) return text === '' ? [] : [{ text: text.slice(0, limit), style: null }];
  const spans: Span[] = [];
  let style: Style = plainStyle;
  let left = limit;
  const push = (raw: string) => {
    if (raw === '' || left <= 0) return;
    const shown = visible(raw).slice(0, left);
    left -= shown.length;
    spans.push({ text: shown, style: style === plainStyle ? null : style });
  };
  let at = 0;
  escape.lastIndex = 0;
  for (let m = escape.exec(text); m && left > 0; m = escape.exec(text)) {
    push(text.slice(at, m.index));
    at = m.index + m[0].length;
    if (m[0] === '') escape.lastIndex++;
    if (m[2] === 'm') style = sgr(style, m[1] ?? '');
    else if (m[3] !== undefined) style = link(style, m[3]);
  }
  push(text.slice(at));
  return spans;
}

function link(style: Style, osc: string): Style {
  if (!osc.startsWith('8;')) return style;
  const url = osc.slice(osc.indexOf(';', 2) + 1);
  const href = /^https?:\/\/[^\s]+$/i.test(url) ? url : '';
  return same({ ...style, href });
}

const same = (s: Style) =>
  s.fg === -1 &&
  s.bg === -1 &&
  !s.bold &&
  !s.dim &&
  !s.italic &&
  !s.underline &&
  !s.strike &&
  !s.inverse &&
  s.href === ''
    ? plainStyle
    : s;

function sgr(from: Style, params: string): Style {
  if (/[<=>?]/.test(params)) return from; // private sequences are not colours
  const codes = params.split(/[;:]/).map((p) => (p === '' ? 0 : Number(p)));
  const s = { ...from };
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i] ?? 0;
    if (c === 0) Object.assign(s, plainStyle, { href: s.href });
    else if (c === 1) s.bold = true;
    else if (c === 2) s.dim = true;
    else if (c === 3) s.italic = true;
    else if (c === 4 || c === 21) s.underline = true;
    else if (c === 7) s.inverse = true;
    else if (c === 9) s.strike = true;
    else if (c === 22) s.bold = s.dim = false;
    else if (c === 23) s.italic = false;
    else if (c === 24) s.underline = false;
    else if (c === 27) s.inverse = false;
    else if (c === 29) s.strike = false;
    else if (c >= 30 && c <= 37) s.fg = c - 30;
    else if (c === 39) s.fg = -1;
    else if (c >= 40 && c <= 47) s.bg = c - 40;
    else if (c === 49) s.bg = -1;
    else if (c >= 90 && c <= 97) s.fg = c - 82;
    else if (c >= 100 && c <= 107) s.bg = c - 92;
    else if (c === 38 || c === 48) {
      const [colour, used] = extended(codes, i + 1);
      if (colour >= 0) s[c === 38 ? 'fg' : 'bg'] = colour;
      i += used;
    }
  }
  return same(s);
}

function extended(codes: number[], i: number): [number, number] {
  const byte = (n: number | undefined) => Math.min(255, Math.max(0, n ?? 0));
  if (codes[i] === 5) return [byte(codes[i + 1]), 2];
  if (codes[i] === 2)
    return [trueColour | (byte(codes[i + 1]) << 16) | (byte(codes[i + 2]) << 8) | byte(codes[i + 3]), 4];
  return [-1, 0];
}
