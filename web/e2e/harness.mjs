// What every browser test starts from: a hub (given by the environment, or the miniature one), Chromium, a signed-in
// page, and listeners that make console errors, policy reports and foreign requests fail the test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { startMock } from './mock.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function hub() {
  if (process.env.CRONIUM_URL) {
    return {
      url: process.env.CRONIUM_URL.replace(/\/$/, ''),
      email: process.env.CRONIUM_EMAIL,
      password: process.env.CRONIUM_PASSWORD,
      real: true,
      close: async () => {},
    };
  }
  const mock = await startMock();
  return {
    url: mock.url,
    email: 'admin@example.org',
    password: 'correct horse battery',
    real: false,
    mock,
    close: mock.close,
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
