import { afterEach, expect, test, vi } from 'vitest';
import type { TargetsLog } from '../types';
import { TargetsSource } from './targets';

const line = (target: string, text: string) => ({
  run: 'r',
  target,
  attempt: 1,
  n: 1,
  at: '2026-01-01T00:00:00Z',
  stream: 'out' as const,
  text,
});

const pieces: TargetsLog[] = [
  {
    lines: [line('web-1', 'a'), line('web-2', 'b')],
    cursor: 'one',
    complete: false,
    ended: false,
    more: false,
  },
  { lines: [], cursor: 'one', complete: false, ended: false, more: false },
  { lines: [line('web-1', 'c')], cursor: 'two', complete: true, ended: true, more: false },
];

function answer(list: TargetsLog[]) {
  const asked: string[] = [];
  const left = [...list];
  vi.stubGlobal('fetch', (url: string) => {
    asked.push(url);
    return Promise.resolve(
      new Response(JSON.stringify(left.shift() ?? pieces[1]), {
        headers: { 'Content-Type': 'application/json' },
      }),
    );
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test('the lines of all targets come in order, each with its target in front, until the end', async () => {
  const asked = answer(pieces);
  const source = new TargetsSource({ project: 'default', run: 'r', attempt: 0 }, () => undefined);
  await source.open();
  await vi.waitFor(() => expect(source.store.complete).toBe(true));
  expect(await source.text(1, 3)).toEqual(['[web-1] a', '[web-2] b', '[web-1] c']);
  expect(asked.map((u) => new URL(u, 'http://x').searchParams.get('cursor'))).toEqual([null, 'one', 'one']);
});

test('logs that are too long to hold end with a word about the download', async () => {
  answer(pieces);
  const source = new TargetsSource({ project: 'default', run: 'r', attempt: 0 }, () => undefined, 5);
  await source.open();
  await vi.waitFor(() => expect(String(source.error)).toContain('Download'));
  expect(source.store.count).toBe(2);
});
