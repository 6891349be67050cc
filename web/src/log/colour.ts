// Terminal colours as they can be read on our two log backgrounds: sixteen are remapped by hand, the rest keep their hue
// and move in lightness until they reach 4.5:1.
import { trueColour, type Style } from './ansi';

export type Theme = 'light' | 'dark';

export const background: Record<Theme, string> = { light: '#ffffff', dark: '#0b0e12' };
export const foreground: Record<Theme, string> = { light: '#151a23', dark: '#e8ebf0' };

// black red green yellow blue magenta cyan white, then bright
export const sixteen: Record<Theme, string[]> = {
  light: [
    '#3a4150',
    '#a8121c',
    '#1b6b3a',
    '#7f5200',
    '#1f56bf',
    '#8a2f8f',
    '#0b6672',
    '#5d6778',
    '#4d5666',
    '#b3261e',
    '#1f7a43',
    '#855a00',
    '#2f5fd0',
    '#9a3aa0',
    '#107482',
    '#465063',
  ],
  dark: [
    '#949eae',
    '#ff9a85',
    '#6fdc8c',
    '#f8bf5e',
    '#93b6fd',
    '#e0a3f0',
    '#5fdcc8',
    '#c8cfda',
    '#aeb7c5',
    '#ffb3a3',
    '#93e8a8',
    '#ffd58a',
    '#b5cdff',
    '#ecc0f7',
    '#8aeadb',
    '#f3f5f8',
  ],
};

type RGB = [number, number, number];

function rgbOf(hex: string): RGB {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}
const hexOf = (c: RGB) => '#' + c.map((v) => Math.round(v).toString(16).padStart(2, '0')).join('');

export function luminance([r, g, b]: RGB): number {
  const lin = (v: number) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * lin(r) + 0.7152 * lin(g) + 0.0722 * lin(b);
}

export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(rgbOf(a)), luminance(rgbOf(b))].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

/** Mixes a colour with white or black, whichever is away from the background, until it can be read. */
export function readable(hex: string, on: string, least = 4.5): string {
  if (contrast(hex, on) >= least) return hex;
  const toward: RGB = luminance(rgbOf(on)) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  const from = rgbOf(hex);
  for (let t = 0.05; t < 1; t += 0.05) {
    const mixed = hexOf(from.map((v, i) => v + ((toward[i] ?? 0) - v) * t) as RGB);
    if (contrast(mixed, on) >= least) return mixed;
  }
  return hexOf(toward);
}

function xterm(n: number): RGB {
  if (n >= 232) {
    const v = 8 + (n - 232) * 10;
    return [v, v, v];
  }
  const level = (v: number) => (v === 0 ? 0 : 55 + v * 40);
  const i = n - 16;
  return [level(Math.floor(i / 36)), level(Math.floor(i / 6) % 6), level(i % 6)];
}

function hex(colour: number, theme: Theme): string {
  if (colour >= trueColour) return '#' + (colour & 0xffffff).toString(16).padStart(6, '0');
  if (colour < 16) return sixteen[theme][colour] ?? foreground[theme];
  return hexOf(xterm(colour));
}

const cache = new Map<string, { color: string; background: string }>();

/** The two colours of a style on this theme, '' where it has none of its own. */
export function paint(style: Style, theme: Theme): { color: string; background: string } {
  const key = `${theme}${style.fg},${style.bg},${style.inverse ? 1 : 0}`;
  let hit = cache.get(key);
  if (!hit) {
    let fg = style.fg < 0 ? '' : hex(style.fg, theme);
    let bg = style.bg < 0 ? '' : hex(style.bg, theme);
    if (style.inverse) [fg, bg] = [bg || background[theme], fg || foreground[theme]];
    if (fg || bg) fg = readable(fg || foreground[theme], bg || background[theme]);
    if (!bg && style.fg < 0) fg = '';
    hit = { color: fg, background: bg };
    if (cache.size > 4096) cache.clear();
    cache.set(key, hit);
  }
  return hit;
}
