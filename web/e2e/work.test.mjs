// The work of the dashboard: write a job, run it, read its log while it grows, find, link, cancel; schedules; hosts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, ask, define, finish, hub, launch, open, settled, signIn } from './harness.mjs';

let at, browser, page;
const job = `e2e-${Date.now().toString(36)}`;
const printing = (lines, pause) =>
  `for i in $(seq 1 ${lines}); do\n  echo "t=$(date +%s%3N) line $i"\n  sleep ${pause}\ndone\n`;

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

async function script(text) {
  const editor = page.getByRole('textbox', { name: 'Script' });
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await editor.evaluate((el, value) => {
    const data = new DataTransfer();
    data.setData('text/plain', value);
    el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
}

async function run(name, text) {
  await page.goto(`${at.url}/jobs/new`);
  await page.locator('[data-field="metadata.name"]').fill(name);
  await page.getByRole('textbox', { name: 'Script' }).waitFor();
  await script(text);
  await page.getByRole('button', { name: 'Save and run' }).click();
  await page.waitForURL(/\/runs\/r_/, { timeout: 20_000 });
  return page.url().split('/runs/')[1].split(/[?#]/)[0];
}

const shown = () =>
  page.evaluate(() =>
    [...document.querySelectorAll('[data-log] [data-line]:not([hidden])')].map((r) => Number(r.dataset.line)),
  );
const state = (word) =>
  page.locator('header').getByText(word, { exact: false }).first().waitFor({ timeout: 60_000 });

test('a job is written in the editor and run, and its lines appear as they are printed', async (t) => {
  // The time at which a row is first painted, seen from inside the page.
  await page.addInitScript(() => {
    window.delays = [];
    const seen = new Set();
    const look = () => {
      for (const row of document.querySelectorAll('[data-log] [data-line]')) {
        const m = /t=(\d{13}) line (\d+)/.exec(row.textContent);
        if (!m || seen.has(m[2])) continue;
        seen.add(m[2]);
        requestAnimationFrame(() => window.delays.push(Date.now() - Number(m[1])));
      }
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  });
  const id = await run(job, printing(150, 0.04));
  await state('Succeeded');
  await page.waitForFunction(() => document.querySelector('[data-count]')?.dataset.count >= 150);
  await page.waitForTimeout(200);
  // Lines printed before the page was open say nothing about the way from print to screen.
  const delays = (await page.evaluate(() => window.delays)).slice(20).sort((a, b) => a - b);
  const p = (q) => delays[Math.min(delays.length - 1, Math.floor(delays.length * q))];
  t.diagnostic(
    `print to paint over ${delays.length} lines: p50 ${p(0.5)} ms, p95 ${p(0.95)} ms, most ${delays.at(-1)} ms`,
  );
  assert.ok(delays.length >= 100, `${delays.length} lines were seen`);
  // How fast it is, is for the benchmark; here the machine may be busy. A page that asks every few
  // seconds would not pass.
  assert.ok(p(0.5) <= 1000, `p50 is ${p(0.5)} ms`);
  assert.match(id, /^r_[0-9a-v]{26}$/);
  page.clean();
});

test('the page survives a reload at #L120 and marks ranges', async () => {
  await page.goto(`${page.url().split('#')[0]}#L120`);
  await page.reload();
  const row = page.locator('[data-line="120"]');
  await row.waitFor();
  assert.match(await row.getAttribute('class'), /selected/);
  await page
    .locator('[data-line="124"] a')
    .first()
    .click({ modifiers: ['Shift'] });
  await page.waitForURL(/#L120-L124$/);
  assert.match(await page.locator('[data-line="122"]').getAttribute('class'), /selected/);
  await page.getByRole('button', { name: 'Copy lines' }).click();
  await page.getByText('Copied 5 lines.').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied.trim().split('\n').length, 5);
  assert.match(copied, /line 120\n/);
  page.clean();
});

test('a log that has ended opens at its first line and calls nothing new', async () => {
  await page.goto(page.url().split('#')[0]);
  await page.reload();
  await page.locator('[data-line="1"]').waitFor();
  await page.getByText('Complete', { exact: true }).waitFor();
  await settled(page);
  assert.equal(await page.getByRole('button', { name: /new lines?$/ }).count(), 0);
  page.clean();
});

test('find counts, moves and wraps around; regex and go-to-line work', async () => {
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('line 12');
  await page.locator('[data-find=done]').filter({ hasText: 'of 11' }).waitFor();
  const hits = page.locator('[data-find=done]');
  const before = await hits.textContent();
  await page.keyboard.press('Enter');
  await page.waitForFunction((b) => document.querySelector('[data-find=done]')?.textContent !== b, before);
  await page.getByRole('button', { name: /Regular expression/ }).click();
  await page.getByLabel('Find, or :120').fill('line 1?5$');
  await page.locator('[data-find=done]').filter({ hasText: 'of 2' }).waitFor();
  await page.getByLabel('Find, or :120').fill('(');
  await page.getByText(/Invalid regular expression/).waitFor();
  await page.getByLabel('Find, or :120').fill(':42');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#L42$/);
  await page.locator('[data-line="42"]').waitFor();
  await page.keyboard.press('Escape');
  page.clean();
});

test('a running example is opened, its lines appear as they are printed, and a link to one survives a reload', async (t) => {
  // The example says in each line how long it has been running, and the hub when its script was started, which is a
  // little before the example looks at its clock: so no delay is measured too short.
  await page.addInitScript(() => {
    window.painted = [];
    const seen = new Set();
    const look = () => {
      for (const row of document.querySelectorAll('[data-log] [data-line]')) {
        const m = /beat (\d+) of \d+, (\d+) ms/.exec(row.textContent);
        if (!m || seen.has(m[1])) continue;
        seen.add(m[1]);
        requestAnimationFrame(() =>
          window.painted.push({ beat: Number(m[1]), age: Number(m[2]), at: Date.now() }),
        );
      }
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await page.goto(`${at.url}/jobs/heartbeat`);
  await page.getByRole('button', { name: 'Run now' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('pause_ms').fill('50');
  await dialog.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/r_/);
  await state('Succeeded');
  await page.waitForFunction(() => document.querySelector('[data-count]')?.dataset.count === '151');
  const { attempts } = await ask(page, 'GET', `/projects/default/runs/${page.url().split('/runs/')[1]}`);
  const began = Date.parse(attempts[0].started_at);
  const delays = (await page.evaluate(() => window.painted))
    .filter((line) => line.beat > 20)
    .map((line) => line.at - began - line.age)
    .sort((a, b) => a - b);
  t.diagnostic(
    `print to paint over ${delays.length} beats: p50 ${delays[delays.length >> 1]} ms, most ${delays.at(-1)} ms`,
  );
  assert.ok(delays.length >= 100, `${delays.length} beats were seen`);
  assert.ok(delays[delays.length >> 1] <= 1000, 'as they are printed, not every few seconds');
  const address = page.url();
  await page.goto(`${address}#L120`);
  await page.reload();
  const row = page.locator('[data-line="120"]');
  await row.filter({ hasText: 'beat 120 of 150' }).waitFor();
  assert.match(await row.getAttribute('class'), /selected/);
  page.clean();
});

test('follow is where the reader is; a run is cancelled and says so', async () => {
  await run(`${job}-long`, printing(2000, 0.05));
  await page.waitForFunction(() => Number(document.querySelector('[data-count]')?.dataset.count) > 60, null, {
    timeout: 30_000,
  });
  const last = async () => Math.max(...(await shown()));
  const one = await last();
  await page.waitForFunction(
    (n) =>
      Math.max(
        ...[...document.querySelectorAll('[data-log] [data-line]:not([hidden])')].map((r) =>
          Number(r.dataset.line),
        ),
      ) >
      n + 5,
    one,
  );
  await page.locator('[role=log]').hover();
  await page.mouse.wheel(0, -400);
  const pill = page.getByRole('button', { name: /new lines?$/ });
  await pill.waitFor();
  const held = await shown();
  await page.waitForTimeout(600);
  assert.deepEqual((await shown())[0], held[0], 'the rows stay where the reader is');
  await accessible(page, 'a live log with the pill');
  await pill.click();
  await pill.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await state('Cancelled');
  const all = await page.evaluate(async () => {
    const id = location.pathname.split('/').pop();
    return (await (await fetch(`/api/v1/projects/default/runs/${id}/log?attempt=1&from=1&limit=1`)).json())
      .total;
  });
  await page.waitForFunction((n) => Number(document.querySelector('[data-count]')?.dataset.count) === n, all);
  page.clean();
});

test('a cut connection neither loses nor doubles a line', async (t) => {
  const count = () => page.evaluate(() => Number(document.querySelector('[data-count]')?.dataset.count));
  const past = (n) =>
    page.waitForFunction((k) => Number(document.querySelector('[data-count]')?.dataset.count) > k, n);
  page.allow.push(/WebSocket/);
  await run(`${job}-cut`, printing(400, 0.03));
  await past(20);
  for (let i = 0; i < 2; i++) {
    // What was on its way may still grow the log, so the next connection may yet have to come.
    const patience = Date.now() + 5000;
    while (at.cut() === 0) {
      assert.ok(Date.now() < patience, 'there is a connection to cut');
      await page.waitForTimeout(20);
    }
    const began = Date.now();
    await past(await count());
    t.diagnostic(`live again ${Date.now() - began} ms after the cut`);
    assert.ok(Date.now() - began <= 2000, 'live again within 2 s');
  }
  await state('Succeeded');
  await page.waitForFunction(() => document.querySelector('[data-count]').dataset.count === '400');
  const seen = await page.evaluate(async () => {
    const log = document.querySelector('[role=log]');
    const texts = {};
    for (let top = 0; top < log.scrollHeight; top += log.clientHeight / 2) {
      log.scrollTop = top;
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const row of log.querySelectorAll('[data-line]:not([hidden])'))
        texts[row.dataset.line] = /line (\d+)$/.exec(row.textContent)?.[1];
    }
    return texts;
  });
  assert.equal(Object.keys(seen).length, 400);
  for (const [n, text] of Object.entries(seen)) assert.equal(text, n, `row ${n} shows line ${text}`);
  page.clean();
});

test('any line of a log of 500,000 is reached by link, by the thumb and by End', async (t) => {
  await define(
    page,
    `${job}-big`,
    `awk 'BEGIN { while (++i <= 500000) { s = ""; for (k = i % 20; k > 0; k--) s = s "lorem ipsum "; print "line " i " of a long log, " s } }'`,
  );
  const began = Date.now();
  const id = await finish(page, `${job}-big`);
  t.diagnostic(`printed and kept in ${Date.now() - began} ms`);
  const opened = Date.now();
  await page.goto(`${at.url}/runs/${id}#L377777`);
  await page.locator('[data-line="377777"]').filter({ hasText: 'line 377777 of' }).waitFor();
  t.diagnostic(`line 377777 shown ${Date.now() - opened} ms after opening its link`);
  const log = page.locator('[role=log]');
  assert.ok((await log.evaluate((el) => el.scrollHeight)) <= 8_000_001);
  for (const part of [0.1, 0.9, 0.5, 0.250001]) {
    await log.evaluate((el, f) => (el.scrollTop = (el.scrollHeight - el.clientHeight) * f), part);
    await page.waitForFunction((f) => {
      const rows = [...document.querySelectorAll('[data-log] [data-line]:not([hidden])')];
      return (
        rows.length > 5 &&
        Math.abs(Number(rows[0].dataset.line) - 500_000 * f) < 100 &&
        rows.every((r) => r.textContent.includes(`line ${r.dataset.line} of`))
      );
    }, part);
  }
  await log.focus();
  await page.keyboard.press('End');
  await page.locator('[data-line="500000"]').waitFor();
  await page.keyboard.press('Home');
  await page.locator('[data-line="1"]').waitFor();
  await page.getByLabel('Find, or :120').fill('line 499999 of');
  const searched = Date.now();
  await page.locator('[data-line="499999"] mark').waitFor({ timeout: 60_000 });
  t.diagnostic(`the only hit, in the last but one line, found in ${Date.now() - searched} ms`);
  await page.getByRole('button', { name: 'Wrap' }).click();
  await page.getByRole('button', { name: 'Next hit' }).click();
  await page.locator('[data-line="499999"] mark').waitFor();
  await page.getByRole('button', { name: 'First line' }).click();
  await page.locator('[data-line="1"]').waitFor();
  await page.getByRole('button', { name: 'Last line' }).click();
  await page.locator('[data-line="500000"]').waitFor();
  await page.getByRole('button', { name: 'Wrap' }).click();
  assert.ok((await page.evaluate(() => document.querySelectorAll('[data-line]').length)) < 80);
  page.clean();
});

test('a schedule shows its next fires while it is typed, in its zone and in mine', async () => {
  await page.goto(`${at.url}/jobs/${job}/edit`);
  await page.getByRole('button', { name: 'Add schedule' }).click();
  await page.getByLabel('When', { exact: true }).fill('15 2 * * *');
  await page.getByLabel('Zone').fill('Europe/Berlin');
  await page.locator('[data-preview] time').nth(4).waitFor();
  assert.equal(await page.locator('[data-preview] time').count(), 5);
  await page.locator('[data-preview]').getByText('yours: America/New_York').waitFor();
  page.allow.push(/422/);
  await page.getByLabel('When', { exact: true }).fill('15 2 * *');
  await page.locator('[data-schedule] [aria-invalid=true]').first().waitFor();
  await page.getByLabel('When', { exact: true }).fill('0 4 * * *');
  await page.getByLabel('Timeout').fill('two minutes');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForFunction(() => document.activeElement?.dataset.field === 'spec.timeout');
  await accessible(page, 'the editor with an error');
  await page.getByLabel('Timeout').fill('2m');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: job, level: 1 }).waitFor();
  await page.waitForURL(new RegExp(`/jobs/${job}$`));
  await page.getByRole('tab', { name: 'Schedules' }).click();
  await page.getByRole('button', { name: /^Fires/ }).click();
  await page.getByRole('heading', { name: /Next fires/ }).waitFor();
  await settled(page);
  await accessible(page, 'the fires of a schedule');
  page.clean();
});

test('a draft survives a reload, and a conflicting save offers a way out', async () => {
  await page.goto(`${at.url}/jobs/${job}/edit`);
  await page.getByRole('textbox', { name: 'Script' }).waitFor();
  await page.getByLabel('Timeout').fill('3m');
  await page.getByText(/Draft kept/).waitFor();
  page.once('dialog', (d) => void d.accept());
  await page.reload();
  await page.getByRole('button', { name: 'Continue the draft' }).click();
  assert.equal(await page.getByLabel('Timeout').inputValue(), '3m');
  const { spec } = await ask(page, 'GET', `/projects/default/jobs/${job}`);
  await define(page, job, spec.script.source, { ...spec, timeout: '9m' });
  page.allow.push(/412/);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('dialog', { name: 'Somebody else saved this job' }).waitFor();
  await settled(page);
  await accessible(page, 'the conflict dialog');
  await page.getByRole('button', { name: 'Save mine over it' }).click();
  await page.waitForURL(new RegExp(`/jobs/${job}$`));
  await page.locator('dd').getByText('3m', { exact: true }).waitFor();
  page.clean();
});

test('leaving with unsaved work asks first', async () => {
  await page.goto(`${at.url}/jobs/${job}/edit`);
  await page.getByLabel('Timeout').fill('4m');
  await page.getByRole('link', { name: 'Runs', exact: true }).first().click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).waitFor();
  await page.getByRole('button', { name: 'Leave', exact: true }).click();
  await page.waitForURL(/\/runs$/);
  page.clean();
});

test('the run dialog asks for inputs by their types', async () => {
  await define(page, `${job}-in`, 'echo "$CRONIUM_INPUT_WHO $CRONIUM_INPUT_TIMES"', {
    inputs: {
      who: { type: 'string', required: true },
      times: { type: 'integer', default: 2 },
      loud: { type: 'boolean', default: false },
    },
  });
  await page.goto(`${at.url}/jobs/${job}-in`);
  await page.getByRole('button', { name: 'Run now' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('who').fill('Ada');
  assert.equal(await dialog.getByLabel('times').inputValue(), '2');
  await settled(page);
  await accessible(page, 'the run dialog');
  await dialog.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/r_/);
  await page.getByRole('tab', { name: 'Inputs' }).click();
  await page.getByText('"Ada"').waitFor();
  page.clean();
});

test('an HTTP job is written in the form, refused with its field, run, and opened again as it was', async () => {
  const name = `${job}-http`;
  await page.goto(`${at.url}/jobs/new`);
  await page.locator('[data-field="metadata.name"]').fill(name);
  await page.getByLabel('Language').selectOption({ label: 'HTTP request' });
  await page.getByLabel('URL').fill('ftp://example.com');
  await page.getByLabel('Headers', { exact: true }).fill('Accept: text/plain\nX-Asked: by a job');
  await page.getByLabel('Body contains').fill('ok');
  page.allow.push(/422/);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForFunction(() => document.activeElement?.dataset.field === 'spec.http.url');
  await page
    .getByText(/must begin with http:/)
    .first()
    .waitFor();
  await page.getByLabel('JSON values equal to').fill('/a: 1');
  await page.getByLabel('URL').fill(`${at.url}/healthz`);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('This cannot be read: /a: 1').first().waitFor();
  await page.getByLabel('JSON values equal to').fill('');
  await accessible(page, 'the form of an HTTP job');
  await page.getByRole('button', { name: 'Save and run' }).click();
  await page.waitForURL(/\/runs\/r_/, { timeout: 20_000 });
  await state('Succeeded');
  await page
    .locator('[data-log]')
    .getByText(/200 OK in \d+ ms/)
    .waitFor();
  await page.goto(`${at.url}/jobs/${name}/edit`);
  assert.equal(await page.getByLabel('URL').inputValue(), `${at.url}/healthz`);
  assert.equal(
    await page.getByLabel('Headers', { exact: true }).inputValue(),
    'Accept: text/plain\nX-Asked: by a job',
  );
  await page.goto(`${at.url}/jobs/${name}?tab=script`);
  await page.getByText('"X-Asked": "by a job"').waitFor();
  page.clean();
});

test('runs are filtered by the address and new ones wait in a pill', async () => {
  await page.goto(`${at.url}/runs`);
  await page.locator('tbody tr').first().waitFor();
  const first = await page.locator('tbody tr').first().textContent();
  await ask(page, 'POST', `/projects/default/jobs/${job}/runs`, {});
  const pill = page.getByRole('button', { name: /new runs?$/ });
  await pill.waitFor();
  assert.equal((await page.locator('tbody tr').first().textContent()).slice(0, 5), first.slice(0, 5));
  await pill.click();
  await pill.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Failed' }).click();
  await page.waitForURL(/state=failed/);
  await page.goBack();
  page.clean();
});

test('adding a host shows one command', async () => {
  await page.goto(`${at.url}/hosts`);
  await page.locator('tr[data-host]').first().waitFor();
  await page.getByRole('button', { name: 'Add host' }).click();
  await page.getByLabel('Name of the host').fill(`${job}-host`);
  await page.getByRole('button', { name: 'Create the command' }).click();
  await page
    .getByText(/CRONIUM_JOIN_TOKEN=aj1_/)
    .first()
    .waitFor();
  await settled(page);
  await accessible(page, 'the add-host dialog');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  page.clean();
});

test('a server is added, tested, archived and removed', async () => {
  const name = `${job}-server`;
  page.allow.push(/409/); // no agent of this hub may reach it
  await page.goto(`${at.url}/hosts`);
  await page.getByRole('button', { name: 'Add host' }).click();
  await page.getByRole('tab', { name: 'SSH' }).click();
  await page.getByLabel(/^Name/).fill(name);
  await page.getByLabel(/^Address/).fill('127.0.0.1:1');
  await page.getByLabel(/^User/).fill('deploy');
  await page.getByLabel(/^Agents/).fill(`none=${job}`);
  await settled(page);
  await accessible(page, 'the add-server form');
  await page.getByRole('button', { name: 'Add server' }).click();
  await page.getByText(`cronium-${name}`).waitFor();
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByText(/No connected agent reaches it/).waitFor();
  await page.getByRole('link', { name: 'Open its page' }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  await settled(page);
  await accessible(page, 'the page of a server');
  await page.getByRole('button', { name: 'Archive' }).click();
  await page.getByRole('button', { name: 'Archive server' }).click();
  await page.getByText('This server is archived').waitFor();
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Remove server' }).click();
  await page.getByRole('heading', { name: 'Hosts', level: 1 }).waitFor();
  page.clean();
});

test('revoking a host names what follows', async () => {
  await page.goto(`${at.url}/hosts`);
  await page
    .getByRole('button', { name: /^Revoke/ })
    .first()
    .click();
  await page.getByText(/certificate stops working at once/).waitFor();
  await settled(page);
  await accessible(page, 'the revoke dialog');
  await page.getByRole('button', { name: 'Keep it' }).click();
  page.clean();
});

test('a token is shown once and revoked', async () => {
  await page.goto(`${at.url}/settings/tokens`);
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').getByLabel(/^Name/).fill(job);
  await page.getByRole('button', { name: 'Create token' }).click();
  await page
    .getByText(/^cro_\w{8}_/)
    .first()
    .waitFor();
  await settled(page);
  await accessible(page, 'the token dialog');
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('button', { name: `Revoke ${job}` }).click();
  await page.getByRole('button', { name: 'Revoke token' }).click();
  await page.getByText(`${job} is revoked.`).waitFor();
  page.clean();
});

test('pausing a job shows and is undone', async () => {
  await page.goto(`${at.url}/jobs/${job}`);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('This job is paused').waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByText('This job is paused').waitFor({ state: 'detached' });
  page.clean();
});

test('an ended session asks to sign in over the page and keeps what was typed', async () => {
  await page.goto(`${at.url}/jobs/new`);
  await page.locator('[data-field="metadata.name"]').fill('kept-name');
  // Ended from elsewhere: the page keeps its cookie, which is worth nothing any more.
  const cookies = await page.context().cookies(at.url);
  const ended = await fetch(`${at.url}/api/v1/auth/logout`, {
    method: 'POST',
    headers: { Cookie: cookies.map((c) => `${c.name}=${c.value}`).join('; ') },
  });
  assert.ok(ended.ok, `sign out: ${ended.status}`);
  page.allow.push(/401/);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  await dialog.waitFor();
  await settled(page);
  await accessible(page, 'the sign-in dialog');
  await dialog.locator('input[name=password]').fill(at.password);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-field="metadata.name"]').inputValue(), 'kept-name');
  page.clean();
});

test('an error says what failed, with the request id and a retry', async () => {
  const broken = (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      json: {
        type: 'urn:cronium:problem:storage_unavailable',
        title: 'The database does not answer',
        status: 503,
        code: 'storage_unavailable',
        detail: 'The hub lost its connection to PostgreSQL.',
        hint: 'It retries by itself; look at the log of the hub if this stays.',
        request_id: 'req_0123456789',
      },
    });
  await page.route('**/api/v1/projects/default/schedules*', broken);
  page.allow.push(/503/);
  page.once('dialog', (d) => void d.accept());
  await page.goto(`${at.url}/schedules`);
  await page.getByText('The database does not answer').waitFor({ timeout: 30_000 });
  await page.getByText(/request req_0123456789/).waitFor();
  await accessible(page, 'the error panel');
  await page.unroute('**/api/v1/projects/default/schedules*', broken);
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.locator('tbody tr').first().waitFor();
  page.clean();
});

test('signing out ends at the sign-in page', async () => {
  page.allow.push(/401/);
  await page.goto(`${at.url}/jobs`);
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL(/\/login/);
  await page.goto(`${at.url}/runs`);
  await page.waitForURL(/\/login\?next=/);
  page.clean();
});
