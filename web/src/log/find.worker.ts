import type { LogWindow } from '../types';
import { compile, hitsIn, type Query } from './match';

export type Ask =
  | { id: number; query: Query; most: number; first: number; bytes: Uint8Array; starts: Float64Array }
  | { id: number; query: Query; most: number; url: string; from: number; limit: number };
export type Reply = { id: number; hits: Float64Array; error?: string };

const decoder = new TextDecoder();

function* held(first: number, bytes: Uint8Array, starts: Float64Array): Iterable<[number, string]> {
  for (let i = 0; i + 1 < starts.length; i++)
    yield [first + i, decoder.decode(bytes.subarray(starts[i], starts[i + 1]))];
}

async function linesOf(ask: Ask): Promise<Iterable<[number, string]>> {
  if ('bytes' in ask) return held(ask.first, ask.bytes, ask.starts);
  const out: [number, string][] = [];
  // An answer may hold fewer lines than asked when they are long.
  for (let from = ask.from; from < ask.from + ask.limit;) {
    const res = await fetch(`${ask.url}&from=${from}&limit=${ask.from + ask.limit - from}`, {
      credentials: 'same-origin',
    });
    if (!res.ok) throw new Error(`the hub answered ${res.status}`);
    const window = (await res.json()) as LogWindow;
    for (const l of window.lines) out.push([l.n, l.text]);
    if (window.lines.length === 0) break;
    from += window.lines.length;
    if (from > window.total) break;
  }
  return out;
}

self.onmessage = async (e: MessageEvent<Ask>) => {
  const ask = e.data;
  const reply: Reply = { id: ask.id, hits: new Float64Array(0) };
  try {
    reply.hits = Float64Array.from(hitsIn(await linesOf(ask), compile(ask.query), ask.most));
  } catch (err) {
    reply.error = String(err);
  }
  self.postMessage(reply);
};
