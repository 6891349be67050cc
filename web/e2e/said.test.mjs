// What scripts and people share: variables, secrets, and what a run says of itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, ask, define, finish, hub, launch, open, settled, signIn } from './harness.mjs';

let at, browser, page;
const name = `said_${Date.now().toString(36)}`;
const job = name.replace('_', '-');

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

test('a variable is made, keeps its digits, is changed by a script and deleted', async () => {
  await page.goto(`${at.url}/variables`);
  await page.getByRole('button', { name: 'New variable' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Value').fill('9007199254740993');
  await settled(page);
  await accessible(page, 'the dialog of a new variable');
  await dialog.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row').filter({ hasText: name });
  await row.getByText('9007199254740993', { exact: true }).waitFor();
  await define(page, job, `"$CRONIUM_RUNNER" call variable.increment '{"name":"${name}"}'`);
  const run = await finish(page, job);
  await page.reload();
  await row.getByText('9007199254740994', { exact: true }).waitFor();
  await row.getByRole('link', { name: `r_…${run.slice(-7)}` }).waitFor();
  await row.getByRole('button', { name: `Delete ${name}` }).click();
  await page.getByRole('button', { name: 'Delete variable' }).click();
  await row.waitFor({ state: 'detached' });
  page.clean();
});

test('a secret is set and never shown, and says who has read it', async () => {
  await page.goto(`${at.url}/secrets`);
  await page.getByRole('button', { name: 'New secret' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Value').fill('abc');
  page.allow.push(/422/);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('It has 3 characters').waitFor();
  await dialog.getByLabel('Value').fill('a canary of a secret');
  await settled(page);
  await accessible(page, 'the dialog of a new secret');
  await dialog.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row').filter({ hasText: name });
  await row.getByText('nothing').waitFor();
  await page.goto(`${at.url}/jobs/${job}/edit`);
  await page.getByRole('button', { name: 'Add secret' }).click();
  await page.getByLabel('Name of a secret').fill(name);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText(/Saved version/).waitFor();
  assert.deepEqual((await ask(page, 'GET', `/projects/default/jobs/${job}`)).spec.secrets, [name]);
  await define(page, job, `echo "read $("$CRONIUM_RUNNER" call secret.get '{"name":"${name}"}')"`, {
    secrets: [name],
  });
  const run = await finish(page, job);
  await page.goto(`${at.url}/runs/${run}`);
  await page.getByText('read "***"').waitFor();
  await page.goto(`${at.url}/secrets`);
  await row.getByRole('link', { name: `r_…${run.slice(-7)}` }).waitFor();
  assert.ok(!(await page.content()).includes('canary'));
  await row.getByRole('button', { name: `Delete ${name}` }).click();
  await page.getByRole('button', { name: 'Delete secret' }).click();
  await row.waitFor({ state: 'detached' });
  page.clean();
});

test('a run shows its progress while it runs, and its output and condition', async () => {
  await define(
    page,
    job,
    `call() { "$CRONIUM_RUNNER" call "$@" >/dev/null; }
call progress.set '{"fraction":0.4,"text":"copying tables"}'
call output.set '{"value":{"rows":9007199254740993,"tables":["a","b"]}}'
call condition.set '{"value":true}'
until [ "$("$CRONIUM_RUNNER" call variable.get '{"name":"${name}_go"}')" = true ]; do sleep 0.2; done
call progress.set '{"fraction":0.8,"text":"nearly there"}'
until [ "$("$CRONIUM_RUNNER" call variable.get '{"name":"${name}_end"}')" = true ]; do sleep 0.2; done`,
  );
  const { id } = await ask(page, 'POST', `/projects/default/jobs/${job}/runs`, {});
  await page.goto(`${at.url}/runs/${id}?tab=output`);
  const bar = page.getByRole('progressbar');
  await page.getByText('copying tables').waitFor({ timeout: 30_000 });
  assert.equal(await bar.getAttribute('aria-valuenow'), '40');
  await settled(page);
  await accessible(page, 'a run with progress');
  await ask(page, 'PUT', `/projects/default/variables/${name}_go`, { value: true });
  await page.getByText('nearly there').waitFor({ timeout: 30_000 });
  assert.equal(await bar.getAttribute('aria-valuenow'), '80');
  await page.getByText('"rows": 9007199254740993').waitFor();
  await page.getByText('holds', { exact: true }).waitFor();
  await ask(page, 'PUT', `/projects/default/variables/${name}_end`, { value: true });
  await bar.waitFor({ state: 'detached', timeout: 30_000 });
  await accessible(page, 'a run with an output');
  page.clean();
});

test('a run shows the files that it keeps, and each is downloaded', async () => {
  await define(
    page,
    job,
    `printf 'name,rows\\nusers,3\\n' >f; cronium artifact put 'report ü #1.csv' f; : >e; cronium artifact put empty e`,
  );
  const run = await finish(page, job);
  await page.goto(`${at.url}/runs/${run}`);
  await page.getByText('2 artifacts').waitFor();
  const row = page.getByRole('row').filter({ hasText: 'report ü #1.csv' });
  await row.getByText('18 B').waitFor();
  await accessible(page, 'a run with artifacts');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    row.getByRole('link', { name: 'report ü #1.csv' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'report ü #1.csv');
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), 'name,rows\nusers,3\n');
  page.clean();
});
