// What every browser test starts from: a running hub behind a wire that can be cut, Chromium, a signed-in page, and
// listeners that make console errors, policy reports and foreign requests fail the test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The hub of the environment, which has an agent online. `cut` breaks every connection that pages have to it. */
export async function hub() {
  const { CRONIUM_URL, CRONIUM_EMAIL: email, CRONIUM_PASSWORD: password } = process.env;
  if (!CRONIUM_URL || !email || !password)
    throw new Error(
      'Set CRONIUM_URL, CRONIUM_EMAIL and CRONIUM_PASSWORD to a hub with an agent, or run the Go test hub/hubtest/e2e, which starts both.',
    );
  return { email, password, ...(await wire(new URL(CRONIUM_URL))) };
}

async function wire({ protocol, hostname, port }) {
  assert.equal(protocol, 'http:', 'the wire does not speak TLS: give the plain address of the hub');
  const ends = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port || 80), hostname);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ]) {
      ends.add(end);
      end.setNoDelay(true);
      end.on('error', () => {});
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  });
  const cut = () => {
    const open = ends.size;
    for (const end of ends) end.destroy();
    return open / 2;
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  });

/** A page that collects what must never happen. */
export async function open(browser, at, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    timezoneId: 'America/New_York',
    reducedMotion: 'reduce',
    ...options,
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: at.url }).catch(() => {});
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.CRONIUM_E2E_TIMEOUT ?? 10_000));
  const wrong = [];
  page.allow = [];
  page.on('console', (m) => {
    if (m.type() === 'error') wrong.push(`console: ${m.text()} ${m.location().url}`);
  });
  page.on('pageerror', (e) => wrong.push(`error: ${e.stack ?? e}`));
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.host !== new URL(at.url).host)
      wrong.push(`foreign request: ${r.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`),
    );
  });
  page.clean = () =>
    assert.deepEqual(
      wrong.filter((w) => !page.allow.some((a) => a.test(w))),
      [],
    );
  return page;
}

export async function signIn(page, at) {
  await page.goto(`${at.url}/login`);
  await page.getByLabel('Email').fill(at.email);
  await page.locator('input[name=password]').fill(at.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
}

/** Asks the API as the page would; an answer that is not 2xx is an error. */
export const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch(`/api/v1${path}`, {
        method,
        headers: { 'Content-Type': 'application/json' },
        body: body && JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer.status === 204 ? null : answer.json();
    },
    [method, path, body],
  );

/** Makes a job of a script, or a new version of it. */
export const define = (page, name, source, spec = {}) =>
  ask(page, 'PUT', `/projects/default/jobs/${name}`, {
    apiVersion: 'cronium/v1',
    kind: 'Job',
    metadata: { name },
    spec: { script: { language: 'bash', source }, ...spec },
  });

/** Runs a job and returns the id of the run when it is over and its log is whole. */
export async function finish(page, job, inputs = {}, patience = 120_000) {
  const { id } = await ask(page, 'POST', `/projects/default/jobs/${job}/runs`, { inputs });
  const end = Date.now() + patience;
  for (;;) {
    const run = await ask(page, 'GET', `/projects/default/runs/${id}`);
    if (run.finished_at) {
      const log = await ask(page, 'GET', `/projects/default/runs/${id}/log?attempt=${run.attempt}&limit=1`);
      if (log.complete) return id;
    }
    if (Date.now() > end) throw new Error(`${job} did not end within ${patience} ms: ${JSON.stringify(run)}`);
    await page.waitForTimeout(100);
  }
}

/** Fails with the rules that a page breaks. */
export async function accessible(page, what) {
  // Through the DevTools protocol, which a content policy does not bind.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const r = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return r.violations.map(
      (v) =>
        `${v.id}: ${v.nodes
          .map((n) => `${n.target.join(' ')} ${n.failureSummary ?? ''}`)
          .slice(0, 3)
          .join(' | ')}`,
    );
  });
  assert.deepEqual(found, [], what);
}

export async function theme(page, name) {
  await page.evaluate((n) => localStorage.setItem('cronium.theme', n), name);
}

export async function settled(page) {
  await page.waitForLoadState('networkidle').catch(() => {});
  await page.evaluate(() => document.fonts.ready);
}
