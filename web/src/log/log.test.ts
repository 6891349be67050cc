import { describe, expect, test } from 'vitest';
import { collapse, parse, plain, trueColour } from './ansi';
import { background, contrast, paint, readable, sixteen, type Theme } from './colour';
import { Find, type FindState } from './find';
import type { Ask, Reply } from './find.worker';
import { Follow } from './follow';
import { compile, hitsIn } from './match';
import { formatRange, parseRange } from './range';
import { maxHeight, Scroll } from './scroll';
import { LogStore, windowLines } from './store';
import type { LogLine, LogWindow } from '../types';

const at = '2026-11-23T10:00:00.000Z';

function lines(from: number, to: number, text = (n: number) => `line ${n}`): LogLine[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    n: from + i,
    at,
    stream: 'out',
    text: text(from + i),
  }));
}
function answer(from: number, to: number, total: number, more: Partial<LogWindow> = {}): LogWindow {
  return { from, total, bytes: total * 10, complete: false, open: false, lines: lines(from, to), ...more };
}
function batch(from: number, texts: string[], open = false, complete = false) {
  return {
    from,
    at: texts.map(() => 1),
    streams: 'o'.repeat(texts.length),
    text: texts.join('\n'),
    open,
    complete,
  };
}

describe('store', () => {
  test('a fetched window and the live tail meet without loss or doubling', () => {
    const s = new LogStore();
    s.put(answer(1, 3, 3));
    expect(s.resumeFrom()).toBe(4);
    s.live(batch(3, ['line 3', 'line 4', 'line 5']));
    expect(s.count).toBe(5);
    expect([1, 2, 3, 4, 5].map((n) => s.text(n))).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
    s.live(batch(4, ['line 4', 'line 5', 'line 6']));
    expect(s.count).toBe(6);
    expect(s.text(6)).toBe('line 6');
  });

  test('an open line is asked again and replaced by what it becomes', () => {
    const s = new LogStore();
    s.live(batch(1, ['a', 'prog'], true));
    expect(s.resumeFrom()).toBe(2);
    s.live(batch(2, ['progress'], true));
    s.live(batch(2, ['progress done', 'next']));
    expect([s.text(1), s.text(2), s.text(3), s.count]).toEqual(['a', 'progress done', 'next', 3]);
    expect(s.resumeFrom()).toBe(4);
  });

  test('an older answer does not undo what came live', () => {
    const s = new LogStore();
    s.put(answer(1, 2, 2, { open: true }));
    s.live(batch(2, ['line 2 whole', 'line 3']));
    s.put(
      answer(1, 2, 2, { open: true, lines: [...lines(1, 1), { n: 2, at, stream: 'out', text: 'line 2' }] }),
    );
    expect([s.text(2), s.text(3), s.count]).toEqual(['line 2 whole', 'line 3', 3]);
  });

  test('every line is reachable while memory stays within the budget', () => {
    const s = new LogStore(400_000);
    const total = 200 * windowLines;
    for (let w = 0; w < 200; w++) {
      const first = w * windowLines + 1;
      s.put(answer(first, first + windowLines - 1, total));
      s.evict(first);
      expect(s.heldBytes).toBeLessThanOrEqual(400_000);
    }
    expect(s.text(1)).toBeNull();
    expect(s.missing(1, 10)).toEqual([0]);
    s.put(answer(1, windowLines, total));
    expect(s.text(777)).toBe('line 777');
  });

  test('a tail that starts in the middle of a window leaves the window to be fetched', () => {
    const s = new LogStore();
    s.put(answer(1, windowLines, 2500));
    expect(s.missing(1, 2500)).toEqual([1, 2]);
    s.live(batch(2501, ['tail']));
    expect(s.missing(2400, 2501)).toEqual([2]);
    s.put(answer(2001, 2500, 2500));
    expect([s.text(2500), s.text(2501), s.missing(2400, 2501)]).toEqual(['line 2500', 'tail', []]);
  });

  test('a batch of a finished log is not its end until the last line has come', () => {
    const s = new LogStore();
    s.live({ ...batch(1, ['a', 'b']), complete: true, total: 3 });
    expect(s.complete).toBe(false);
    s.live({ ...batch(3, ['c']), complete: true, total: 3 });
    expect(s.complete).toBe(true);
  });

  test('bytes survive: empty lines, tabs, wide and astral characters', () => {
    const s = new LogStore();
    const texts = ['', '\t', 'ä€漢', '😀\u0000x', ''];
    s.live(batch(1, texts));
    expect(texts.map((_, i) => s.text(i + 1))).toEqual(texts);
  });

  test('a million lines are indexed and found again', () => {
    const s = new LogStore();
    const size = 2000;
    for (let from = 1; from <= 1_000_000; from += size) {
      const texts = Array.from({ length: size }, (_, i) => `row ${from + i}`);
      s.live(batch(from, texts));
    }
    expect(s.count).toBe(1_000_000);
    expect(s.text(777_777)).toBe('row 777777');
    expect(s.heldBytes).toBeLessThan(64 * 1024 * 1024);
  }, 30_000);
});

describe('scroll', () => {
  const log = (count: number, view = 600) => {
    const s = new Scroll();
    s.count = count;
    s.view = view;
    return s;
  };

  test('a short log scrolls pixel for pixel and the bar is never moved', () => {
    const s = log(1000);
    expect(s.height).toBe(20_000);
    for (const bar of [10, 250, 19_400, 19_400 - 333, 5]) {
      expect(s.scrolled(bar)).toBeNull();
      expect(s.line * 20 + s.offset).toBeCloseTo(bar, 6);
    }
  });

  test('the scrolled element never exceeds the cap', () => {
    expect(log(50_000_000).height).toBe(maxHeight);
  });

  test('every line of a log above the cap can be brought to the screen', () => {
    const s = log(1_000_001);
    for (const n of [0, 1, 399_999, 777_776, 999_999, 1_000_000]) {
      s.toLine(n);
      expect(s.shows(n)).toBe(true);
      expect(s.bar).toBeLessThanOrEqual(maxHeight - 600);
    }
  });

  test('small moves above the cap are exact and the bar drifts until it rests', () => {
    const s = log(5_000_000);
    s.toLine(2_500_000);
    const before = s.line * 20 + s.offset;
    const bar = s.bar;
    for (let i = 1; i <= 30; i++) expect(s.scrolled(bar + i * 100)).toBeNull();
    expect(s.line * 20 + s.offset).toBeCloseTo(before + 3000, 3);
    const here = s.line;
    const put = s.settle();
    expect(put).toBeLessThan(bar + 3000);
    expect(s.scrolled(put)).toBeNull();
    expect(s.line).toBe(here);
  });

  test('a jump of the thumb maps the bar to the log, and both ends are reachable', () => {
    const s = log(5_000_000);
    s.scrolled((maxHeight - 600) / 2);
    expect(Math.abs(s.line - 2_500_000)).toBeLessThan(50);
    s.scrolled(maxHeight - 600);
    expect(s.atEnd).toBe(true);
    s.scrolled(0);
    expect([s.line, s.offset]).toEqual([0, 0]);
  });

  test('a bar that stops at an end before the log does is given room', () => {
    const s = log(5_000_000);
    s.scrolled(20_000);
    const line = s.line;
    expect(line).toBeGreaterThan(1000);
    for (let bar = s.bar - 500; bar > 0; bar -= 500) s.scrolled(bar);
    const put = s.scrolled(0);
    expect(put).not.toBeNull();
    expect(s.line).toBeGreaterThan(0);
  });

  test('wrapped lines of any height keep the top line where it is while the log grows', () => {
    const heights = (i: number) => (i % 7 === 0 ? 400 : 20);
    const s = new Scroll(heights);
    s.view = 600;
    s.count = 500;
    s.density = 3;
    s.toLine(300);
    const top = [s.line, s.offset];
    s.count = 900;
    s.settle();
    expect([s.line, s.offset]).toEqual(top);
    s.toEnd();
    expect(s.shows(899)).toBe(true);
    expect(s.atEnd).toBe(true);
  });

  test('few but tall lines can still be scrolled', () => {
    const s = new Scroll(() => 900);
    s.view = 600;
    s.count = 2;
    s.density = 45;
    expect(s.height).toBeGreaterThan(600);
    s.toEnd();
    expect(s.atEnd).toBe(true);
    s.scrolled(0);
    expect([s.line, s.offset]).toEqual([0, 0]);
  });
});

describe('follow', () => {
  test('the end follows, a scroll up stops and counts, the end follows again', () => {
    const f = new Follow(true);
    f.grew(100);
    expect([f.following, f.unseen]).toEqual([true, 0]);
    f.moved(false);
    f.grew(228);
    expect([f.following, f.unseen]).toEqual([false, 128]);
    f.moved(true);
    expect([f.following, f.unseen]).toEqual([true, 0]);
  });

  test('scrolling while away does not forget what was not seen', () => {
    const f = new Follow(true);
    f.grew(10);
    f.moved(false);
    f.grew(30);
    f.moved(false);
    expect(f.unseen).toBe(20);
  });
});

describe('ansi', () => {
  const texts = (s: string) =>
    parse(s)
      .map((p) => p.text)
      .join('');

  test('colours and weight become data', () => {
    const [a, b, c] = parse('\x1b[1;31mred\x1b[0m plain \x1b[38;2;1;2;3mtrue');
    expect(a).toMatchObject({ text: 'red', style: { fg: 1, bold: true } });
    expect(b).toEqual({ text: ' plain ', style: null });
    expect(c?.style?.fg).toBe(trueColour | 0x010203);
    expect(parse('\x1b[38;5;208mx')[0]?.style?.fg).toBe(208);
    expect(parse('\x1b[91;102mx')[0]?.style).toMatchObject({ fg: 9, bg: 10 });
  });

  test('sequences that move a cursor or set a title are dropped whole', () => {
    for (const s of [
      '\x1b[2J',
      '\x1b[10;20H',
      '\x1b]0;title\x07',
      '\x1bP1;2|data\x1b\\',
      '\x1b(B',
      '\x1b[?25l',
      '\x1b[31',
      '\x1b',
    ])
      expect(texts(`a${s}`)).toBe('a');
  });

  test('only http links survive', () => {
    const link = (u: string) => parse(`\x1b]8;;${u}\x1b\\here\x1b]8;;\x1b\\`)[0];
    expect(link('https://example.org/x')?.style?.href).toBe('https://example.org/x');
    expect(link('javascript:alert(1)')?.style).toBeNull();
    expect(link('file:///etc/passwd')?.style).toBeNull();
  });

  test('control and reordering characters are shown as glyphs', () => {
    expect(texts('a\x00b\x07')).toBe('a␀b␇');
    expect(texts('x\u202ey')).toBe('x‹202E›y');
    expect(texts('tab\tstays')).toBe('tab\tstays');
  });

  test('a progress line shows its last state', () => {
    expect(collapse('1%\r50%\r100%\r')).toEqual({ text: '100%', updates: 2 });
    expect(collapse('dos line\r')).toEqual({ text: 'dos line', updates: 0 });
    expect(plain('\x1b[32m1%\r\x1b[32m2%\x1b[0m')).toBe('2%');
  });

  test('parsing stops at the limit and what is shown equals plain', () => {
    const line = '\x1b[31m' + 'x'.repeat(10_000);
    expect(parse(line, 4096).reduce((n, s) => n + s.text.length, 0)).toBe(4096);
    for (const s of ['', 'a', '\x1b[1mb\x1b[0mc\x00', 'q\r\x1b[4mw\x9b'] as const)
      expect(texts(s)).toBe(plain(s));
  });
});

describe('colour', () => {
  test('all sixteen can be read on both themes', () => {
    for (const theme of ['light', 'dark'] as Theme[])
      for (const c of sixteen[theme])
        expect(contrast(c, background[theme])).toBeGreaterThanOrEqual(theme === 'light' ? 4.65 : 6.31);
  });

  test('any palette or true colour is moved until it reaches 4.5', () => {
    for (const theme of ['light', 'dark'] as Theme[]) {
      for (let n = 0; n < 256; n++) {
        for (const bg of [-1, 0, 7, 11, n]) {
          const p = paint(
            {
              fg: n,
              bg,
              bold: false,
              dim: false,
              italic: false,
              underline: false,
              strike: false,
              inverse: false,
              href: '',
            },
            theme,
          );
          expect(contrast(p.color, p.background || background[theme])).toBeGreaterThanOrEqual(4.4);
        }
      }
    }
    expect(contrast(readable('#777777', '#808080'), '#808080')).toBeGreaterThanOrEqual(4.5);
  });
});

describe('links', () => {
  test('a range reads the same in both orders', () => {
    expect(parseRange('#L120')).toEqual({ from: 120, to: 120 });
    expect(parseRange('#L140-L120')).toEqual({ from: 120, to: 140 });
    expect(parseRange('#L120-140')).toEqual({ from: 120, to: 140 });
    for (const bad of ['', '#', '#L', '#L0', '#Lx', '#L1-', '#L99999999999999999'])
      expect(parseRange(bad)).toBeNull();
    expect(formatRange({ from: 1, to: 3 })).toBe('L1-L3');
  });
});

describe('find', () => {
  test('a plain query is not a pattern; case and regex are chosen', () => {
    const q = (text: string, regex = false, caseSensitive = false) => compile({ text, regex, caseSensitive });
    expect(hitsIn([[1, 'a.b axb A.B']], q('a.b'), 10)).toEqual([1, 0, 3, 1, 8, 11]);
    expect(hitsIn([[1, 'a.b axb']], q('a.b', true), 10)).toEqual([1, 0, 3, 1, 4, 7]);
    expect(hitsIn([[1, 'ERROR error']], q('error', false, true), 10)).toEqual([1, 6, 11]);
    expect(hitsIn([[4, '\x1b[31mer\x1b[0mror']], q('error'), 10)).toEqual([4, 0, 5]);
    expect(hitsIn([[1, 'aaa']], q('x*', true), 10)).toEqual([]);
    expect(() => q('(', true)).toThrow(SyntaxError);
  });

  /** The worker's work in the same thread, so a story can be told step by step. */
  function finder(store: LogStore, fetched: (url: string) => LogLine[] = () => []) {
    const states: FindState[] = [];
    const inbox: (() => void)[] = [];
    const find: Find = new Find(
      store,
      '/log?attempt=1',
      () => states.push(find.state),
      () => {
        const w = {
          onmessage: null as ((e: MessageEvent<Reply>) => void) | null,
          terminate() {},
          postMessage(ask: Ask) {
            const text = new TextDecoder();
            const list: [number, string][] =
              'bytes' in ask
                ? Array.from({ length: ask.starts.length - 1 }, (_, i) => [
                    ask.first + i,
                    text.decode(ask.bytes.subarray(ask.starts[i], ask.starts[i + 1])),
                  ])
                : fetched(`${ask.from}+${ask.limit}`).map((l) => [l.n, l.text]);
            const hits = Float64Array.from(hitsIn(list, compile(ask.query), ask.most));
            inbox.push(() => w.onmessage?.({ data: { id: ask.id, hits } } as MessageEvent<Reply>));
          },
        };
        return w;
      },
    );
    const settle = () => {
      for (let f = inbox.shift(); f; f = inbox.shift()) f();
    };
    return { find, settle };
  }

  test('it searches from the reader on, loaded or not, and counts n of m', () => {
    const s = new LogStore();
    s.put(answer(1, windowLines, 3 * windowLines));
    s.put(answer(2 * windowLines + 1, 3 * windowLines, 3 * windowLines));
    const asked: string[] = [];
    const { find, settle } = finder(s, (url) => {
      asked.push(url);
      return lines(windowLines + 1, 2 * windowLines);
    });
    let jumped = 0;
    find.start({ text: '500', regex: false, caseSensitive: false }, 2001, (n) => (jumped = n));
    settle();
    expect(jumped).toBe(2500);
    expect(asked).toEqual([`${windowLines + 1}+${windowLines}`]);
    expect([find.state.total, find.state.index, find.state.busy]).toEqual([3, 3, false]);
    expect(find.next(true)?.line).toBe(500);
    expect(find.state.index).toBe(1);
    expect(find.next(false)?.line).toBe(2500);
    expect(find.marks(1500)).toEqual([{ line: 1500, start: 6, end: 9 }]);
  });

  test('lines that arrive are searched too', () => {
    const s = new LogStore();
    s.live(batch(1, ['needle', 'hay']));
    const { find, settle } = finder(s);
    find.start({ text: 'needle', regex: false, caseSensitive: false }, 1, () => {});
    settle();
    s.live(batch(3, ['hay', 'needle']));
    find.grew();
    settle();
    expect(find.state.total).toBe(2);
    s.live(
      batch(
        5,
        Array.from({ length: windowLines }, () => 'needle'),
      ),
    );
    find.grew();
    settle();
    expect(find.state.total).toBe(windowLines + 2);
  });
});
