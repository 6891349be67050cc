// Finding text in one window of a log. Pure, so that the worker is only a mailbox.
import { plain } from './ansi';

export interface Query {
  text: string;
  regex: boolean;
  caseSensitive: boolean;
}

/** Compiles a query; throws a SyntaxError that says what is wrong with a regular expression. */
export function compile(q: Query): RegExp {
  const source = q.regex ? q.text : q.text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return new RegExp(source, q.caseSensitive ? 'gu' : 'giu');
}

/** Triples (line, start, end) of every hit, in order. */
export function hitsIn(lines: Iterable<[number, string]>, pattern: RegExp, most: number): number[] {
  const out: number[] = [];
  for (const [n, raw] of lines) {
    const text = plain(raw);
    pattern.lastIndex = 0;
    for (let m = pattern.exec(text); m; m = pattern.exec(text)) {
      if (m[0] === '') {
        pattern.lastIndex++;
        if (pattern.lastIndex > text.length) break;
        continue;
      }
      out.push(n, m.index, m.index + m[0].length);
      if (out.length >= most * 3) return out;
    }
  }
  return out;
}
