// The part of a log a link points at: #L120 or #L120-L140.

export interface Range {
  from: number;
  to: number;
}

export function parseRange(hash: string): Range | null {
  const m = /^#?L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(hash);
  if (!m) return null;
  const a = Number(m[1]);
  const b = m[2] ? Number(m[2]) : a;
  if (a < 1 || b < 1) return null;
  return { from: Math.min(a, b), to: Math.max(a, b) };
}

export const formatRange = (r: Range) => (r.from === r.to ? `L${r.from}` : `L${r.from}-L${r.to}`);
