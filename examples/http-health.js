#!/usr/bin/env node
// Asks every URL a few times and prints a table of its latency. It exits with 1
// when fewer answer than needed.
'use strict';

const env = process.env;
const urls = (env.CRONIUM_INPUT_URLS ?? 'http://127.0.0.1:8420/healthz').split(/[\s,]+/).filter(Boolean);
const need = env.CRONIUM_INPUT_NEED ?? 'any';
const expect = Number(env.CRONIUM_INPUT_EXPECT ?? 200);
const samples = Number(env.CRONIUM_INPUT_SAMPLES ?? 5);
const limit = Number(env.CRONIUM_INPUT_LIMIT_MS ?? 5000);

async function ask(url) {
  const began = performance.now();
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(limit) });
    const body = await answer.arrayBuffer(); // the time includes the whole body
    return { status: answer.status, bytes: body.byteLength, took: performance.now() - began };
  } catch (error) {
    const cause = error.cause ?? error;
    return { problem: cause.code ?? cause.message, took: performance.now() - began };
  }
}

// The value below which a share of the sorted numbers lies.
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];

async function check(url) {
  try {
    const { protocol } = new URL(url);
    if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`no http: ${protocol}`);
  } catch (error) {
    return { url, good: 0, seen: error.message };
  }
  const answers = [];
  for (let i = 0; i < samples; i++) answers.push(await ask(url));
  const good = answers.filter((a) => a.status === expect);
  const times = good.map((a) => a.took).sort((a, b) => a - b);
  const seen = [...new Set(answers.map((a) => a.status ?? a.problem))].join(', ');
  return { url, good: good.length, seen, times };
}

const column = (value, width) => String(value).padStart(width);
const ms = (value) => (value === undefined ? '-' : value.toFixed(1));

async function main() {
  if (urls.length === 0) throw new Error('no URL is given');
  const results = await Promise.all(urls.map(check));
  console.log(`${column('GOOD', 7)} ${column('MIN ms', 8)} ${column('P50 ms', 8)} ${column('MAX ms', 8)}  ANSWERS  URL`);
  for (const r of results) {
    const [low, middle, high] = r.times?.length ? [r.times[0], quantile(r.times, 0.5), r.times.at(-1)] : [];
    if (middle < low || middle > high) throw new Error(`the median of ${r.url} is outside its range`);
    console.log(`${column(`${r.good}/${samples}`, 7)} ${column(ms(low), 8)} ${column(ms(middle), 8)} ${column(ms(high), 8)}  ${r.seen}  ${r.url}`);
  }
  const well = results.filter((r) => r.good > 0).length;
  console.log(`${well} of ${results.length} answer with ${expect}`);
  const enough = need === 'all' ? results.every((r) => r.good === samples) : well > 0;
  if (!enough) {
    console.error(need === 'all' ? 'not every request was answered as expected' : 'none answers as expected');
    process.exitCode = 1;
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
