// Every page: no accessibility violation in both themes, no sideways scroll at 320 px, nothing wrong in the console.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, define, finish, hub, launch, open, settled, signIn, theme } from './harness.mjs';

let at, browser, page, paths;
const unknownJob = /404.*job=no-such-job/;
const job = `pages-${Date.now().toString(36)}`;

before(async () => {
  at = await hub();
  browser = await launch();
  page = await open(browser, at);
  page.allow.push(unknownJob);
  await signIn(page, at);
  await define(
    page,
    job,
    'printf "\\033[33mwarning:\\033[0m %s is \\033[1m87%%\\033[0m full\\n" "$CRONIUM_INPUT_PATH"',
    {
      inputs: { path: { type: 'string', default: '/' }, deep: { type: 'boolean', default: false } },
      schedules: [{ name: 'nightly', cron: '15 2 * * *', zone: 'Europe/Berlin' }],
    },
  );
  await define(page, `${job}-bad`, 'echo "starting"\necho "connection refused" >&2\nexit 3');
  const runs = [await finish(page, job), await finish(page, `${job}-bad`)];
  paths = [
    '/jobs',
    '/jobs?q=nothing-has-this-name',
    '/jobs/new',
    `/jobs/${job}`,
    `/jobs/${job}?tab=schedules`,
    `/jobs/${job}?tab=script`,
    `/jobs/${job}?tab=versions`,
    `/jobs/${job}/edit`,
    '/runs',
    `/runs?state=lost&job=${job}`,
    '/runs?job=no-such-job',
    ...runs.flatMap((r) => [
      `/runs/${r}`,
      `/runs/${r}?tab=timeline`,
      `/runs/${r}?tab=attempts`,
      `/runs/${r}?tab=inputs`,
      `/runs/${r}?tab=output`,
    ]),
    '/schedules',
    '/hosts',
    '/variables',
    '/secrets',
    '/settings/tokens',
    '/no-such-page',
  ];
});

after(async () => {
  await browser?.close();
  await at?.close();
});

for (const name of ['light', 'dark']) {
  test(`axe finds nothing on any page, ${name}`, async () => {
    await theme(page, name);
    for (const path of paths) {
      await page.goto(at.url + path);
      await page.locator('h1').first().waitFor();
      await settled(page);
      await accessible(page, `${path} (${name})`);
    }
    page.clean();
  });
}

test('the sign-in page is accessible in both themes and refuses a wrong password in words', async () => {
  const stranger = await open(browser, at);
  for (const name of ['light', 'dark']) {
    await stranger.goto(`${at.url}/login`);
    await theme(stranger, name);
    await stranger.reload();
    await stranger.getByLabel('Email').waitFor();
    await accessible(stranger, `/login (${name})`);
  }
  stranger.allow.push(/401/);
  await stranger.getByLabel('Email').fill(at.email);
  await stranger.locator('input[name=password]').fill('not the password');
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await stranger.getByRole('alert').waitFor();
  stranger.clean();
  await stranger.context().close();
});

test('a deep link survives signing in', async () => {
  const stranger = await open(browser, at);
  stranger.allow.push(/401/);
  await stranger.goto(`${at.url}/runs?state=failed`);
  await stranger.waitForURL(/\/login\?next=/);
  await stranger.getByLabel('Email').fill(at.email);
  await stranger.locator('input[name=password]').fill(at.password);
  await stranger.getByRole('button', { name: 'Sign in' }).click();
  await stranger.waitForURL(/\/runs\?state=failed/);
  stranger.clean();
  await stranger.context().close();
});

test('no page scrolls sideways at 320 px', async () => {
  const phone = await open(browser, at, { viewport: { width: 320, height: 640 }, hasTouch: true });
  phone.allow.push(unknownJob);
  await signIn(phone, at);
  for (const path of paths) {
    await phone.goto(at.url + path);
    await phone.locator('h1').first().waitFor();
    await settled(phone);
    const over = await phone.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(over <= 0, `${path} is ${over} px too wide`);
  }
  phone.clean();
  await phone.context().close();
});

test('the theme is chosen, remembered, and set before the first paint', async () => {
  await theme(page, 'auto');
  await page.goto(`${at.url}/jobs`);
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('button', { name: 'Dark' }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === 'dark');
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.body && !window.atBody)
        window.atBody = document.documentElement.dataset.mantineColorScheme;
    }).observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  assert.equal(await page.evaluate(() => window.atBody), 'dark');
  await theme(page, 'light');
  page.clean();
});

test('first screen: JavaScript within 200 KB, CSS within 20 KB, fonts within 50 KB as sent', async (t) => {
  const fresh = await open(browser, at);
  await signIn(fresh, at);
  const cdp = await fresh.context().newCDPSession(fresh);
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  const kind = new Map();
  const sum = { Script: 0, Stylesheet: 0, Font: 0 };
  cdp.on('Network.responseReceived', (e) => kind.set(e.requestId, e.type));
  cdp.on('Network.loadingFinished', (e) => {
    const k = kind.get(e.requestId);
    if (k in sum) sum[k] += e.encodedDataLength;
  });
  await fresh.goto(`${at.url}/jobs`);
  await fresh.locator('tbody tr').first().waitFor();
  await settled(fresh);
  t.diagnostic(`first screen, bytes as sent: ${JSON.stringify(sum)}`);
  assert.ok(sum.Script <= 200 * 1024, `JavaScript ${sum.Script}`);
  assert.ok(sum.Stylesheet <= 20 * 1024, `CSS ${sum.Stylesheet}`);
  assert.ok(sum.Font <= 52 * 1024, `fonts ${sum.Font}`);
  await fresh.context().close();
});

test('regions are walked with F6 and the skip link comes first', async () => {
  await page.goto(`${at.url}/jobs`);
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  const regions = [];
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('F6');
    regions.push(await page.evaluate(() => document.activeElement.dataset.region));
  }
  assert.deepEqual(new Set(regions), new Set(['sidebar', 'main', 'header']));
  page.clean();
});
