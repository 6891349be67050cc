// A job that runs on all hosts: chosen in the form, watched on the page of its run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, ask, define, hub, launch, open, settled, signIn } from './harness.mjs';

let at, browser, page;
const job = `roll-${Date.now().toString(36)}`;

before(async () => {
  at = await hub();
  browser = await launch();
  page = await open(browser, at);
  await signIn(page, at);
});

after(async () => {
  await browser?.close();
  await at?.close();
});

test('the form lets a job run on all hosts, and the page of its run shows each of them', async () => {
  await define(page, job, 'echo hello; exit 3');
  await page.goto(`${at.url}/jobs/${job}/edit`);
  await page.getByLabel('On all of these hosts, not on one').check();
  await page.getByLabel('At the same time').fill('1');
  await settled(page);
  await accessible(page, 'the form of a job of many targets');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForURL(`**/jobs/${job}`);
  await page.getByText('all, 1 at the same time, each within 10m').waitFor();
  const { spec } = await ask(page, 'GET', `/projects/default/jobs/${job}`);
  assert.deepEqual(spec.fan_out, { max_parallel: '1', start_within: '10m' });
  const run = await ask(page, 'POST', `/projects/default/jobs/${job}/runs`, {});
  const { total } = run.targets;
  await page.goto(`${at.url}/runs/${run.id}`);
  const targets = page.getByRole('region', { name: 'Targets of this run' });
  await targets.getByText(`${total} failed`).waitFor();
  const [first] = (await ask(page, 'GET', `/projects/default/runs?parent=${run.id}`)).items;
  await page.locator('[data-log]').getByText(`[${first.target}] hello`).waitFor();
  await page.getByText(`0 of ${total} targets succeeded`).waitFor();
  await settled(page);
  await accessible(page, 'the page of a run of many targets');
  await targets.getByRole('link', { name: first.target }).click();
  await page.waitForURL(`**/runs/${first.id}`);
  await page.getByRole('link', { name: `r_…${run.id.slice(-7)}` }).waitFor();
  page.clean();
});
