// A hub in miniature for looking at the pages without one. Only tests use it; it keeps everything in memory and knows
// just enough of a script (`seq 1 N`, `sleep S`, `exit N`) to print lines as the real one would.
import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { WebSocketServer } from 'ws';

const dist = new URL('../dist', import.meta.url).pathname;
const types = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const policy =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const ago = (s) => new Date(Date.now() - s * 1000).toISOString();
const soon = (s) => new Date(Date.now() + s * 1000).toISOString();
const problem = (status, code, title, more = {}) =>
  Object.assign(new Error(title), {
    problem: {
      type: `urn:cronium:problem:${code}`,
      title,
      status,
      code,
      detail: '',
      hint: '',
      request_id: 'req_mock',
      ...more,
    },
  });

export function startMock({ port = 0, empty = false } = {}) {
  const state = {
    jobs: new Map(),
    runs: [],
    hosts: [],
    tokens: [],
    sessions: new Set(),
    logs: new Map(),
    sockets: new Set(),
    fail: null,
  };
  let seq = 0;
  if (!empty) seed();

  function seed() {
    state.hosts.push(
      host('web-01', 'online', { zone: 'eu' }),
      host('db-01', 'online', { disk: 'ssd', zone: 'eu' }),
      host('edge-fra', 'offline', {}),
    );
    const kinds = [
      ['disk-report', 'bash', '15 2 * * *', 'every day at 02:15'],
      ['log-summary', 'bash', '*/10 * * * *', 'every 10 minutes'],
      ['zone-transitions', 'python', '0 6 * * 1', 'every Monday at 06:00'],
      ['csv-report', 'python', null, ''],
      ['http-check', 'node', '*/5 * * * *', 'every 5 minutes'],
      ['postgres-backup', 'bash', '30 1 * * *', 'every day at 01:30'],
    ];
    for (const [name, language, cron, words] of kinds) {
      putJob(name, {
        metadata: { name, labels: { team: name.length % 2 ? 'ops' : 'data' } },
        spec: {
          script: {
            language,
            source:
              '#!/usr/bin/env bash\nset -euo pipefail\n\n# how full are the disks\ndf -h "$CRONIUM_INPUT_PATH"\necho "done"\n',
          },
          inputs:
            name === 'disk-report'
              ? {
                  path: { type: 'string', default: '/', description: 'Where to look' },
                  deep: { type: 'boolean', default: false },
                }
              : undefined,
          target: { labels: { os: 'linux' } },
          timeout: '2m',
          retries: { max: 2, backoff: 'exponential', delay: '10s' },
          schedules: cron ? [{ name: 'main', cron, zone: 'Europe/Berlin', words }] : [],
        },
      });
    }
    putJob('disk-report', {
      ...state.jobs.get('disk-report').definition,
      spec: { ...state.jobs.get('disk-report').definition.spec, timeout: '3m' },
    });
    const states = [
      'succeeded',
      'succeeded',
      'succeeded',
      'failed',
      'succeeded',
      'timed_out',
      'cancelled',
      'succeeded',
      'lost',
      'succeeded',
    ];
    for (let i = 130; i > 0; i--) {
      const job = kinds[i % kinds.length][0];
      finished(job, states[(i * 7) % 10], i * 340, 800 + ((i * 7919) % 60_000));
    }
    const waiting = newRun('csv-report', {}, 'manual');
    waiting.reason = { code: 'no_matching_agent', detail: 'No host has the label gpu=yes', since: ago(40) };
    start(newRun('log-summary', {}, 'schedule'), 'seq 1 100000 sleep 0.2');
  }

  function host(name, st, labels) {
    return {
      name,
      kind: 'agent',
      state: st,
      labels: { os: 'linux', ...labels },
      facts: {
        hostname: name,
        os: 'linux',
        arch: 'amd64',
        kernel: '6.1.0',
        distribution: 'Debian GNU/Linux 12',
        cpus: 2,
        memory_bytes: 25_000_000_000,
        interpreters: { bash: '5.2', python: '3.11', node: '20.20' },
      },
      version: '0.1.0',
      slots: 16,
      running: st === 'online' ? 1 : 0,
      connected_at: ago(3600),
      last_seen_at: st === 'online' ? ago(2) : ago(9000),
      created_at: ago(90000),
      certificate: { not_after: soon(70000) },
    };
  }

  function putJob(name, definition) {
    const old = state.jobs.get(name);
    const version = (old?.version ?? 0) + 1;
    const schedules = (definition.spec.schedules ?? []).map((s, i) => schedule(name, s, i));
    const spec = { ...definition.spec, schedules: undefined };
    const job = {
      name,
      labels: definition.metadata.labels ?? {},
      state: old?.state ?? 'active',
      version,
      spec,
      created_at: old?.created_at ?? ago(86400),
      updated_at: ago(0),
      updated_by: 'admin@example.org',
      schedules,
      definition,
    };
    job.history = [
      {
        version,
        note: '',
        created_at: ago(0),
        created_by: 'admin@example.org',
        sha256: 'ab12',
        script: spec.script.source,
        spec,
      },
      ...(old?.history ?? []),
    ];
    state.jobs.set(name, job);
    return job;
  }

  function schedule(job, s, i) {
    return {
      id: `0198${String(job.length).padStart(4, '0')}-0000-7000-8000-${String(i).padStart(6, '0')}${Buffer.from(job).toString('hex').slice(0, 6).padEnd(6, '0')}`,
      job,
      name: s.name,
      cron: s.cron,
      zone: s.zone || 'UTC',
      words: s.words ?? previewOf(s).words,
      gap: s.gap ?? 'shift',
      fold: s.fold ?? 'first',
      overlap: s.overlap ?? 'allow',
      catch_up: s.catch_up ?? 'none',
      enabled: s.enabled !== false,
      inputs: s.inputs ?? {},
      next_at: soon(400),
      last_at: ago(800),
      next: [400, 1000, 1600, 2200, 2800].map(soon),
    };
  }

  function newRun(job, inputs, trigger) {
    const id = 'r_' + (++seq).toString(32).padStart(26, '0');
    const run = {
      id,
      job,
      job_version: state.jobs.get(job)?.version ?? 1,
      state: 'queued',
      trigger,
      attempt: 0,
      created_at: ago(0),
      started_by: trigger === 'manual' ? 'admin@example.org' : '',
      inputs,
      attempts: [],
      timeline: [{ at: ago(0), what: 'created' }],
      max_attempts: 3,
    };
    state.runs.unshift(run);
    return run;
  }

  function begin(run, at = ago(0)) {
    Object.assign(run, { state: 'running', attempt: 1, host: 'web-01', started_at: at, reason: undefined });
    run.attempts = [
      {
        attempt: 1,
        host: 'web-01',
        state: 'running',
        assigned_at: run.created_at,
        accepted_at: at,
        started_at: at,
        log_bytes: 0,
        dropped_bytes: 0,
        late: false,
      },
    ];
    run.timeline.push(
      { at, what: 'assigned', detail: 'web-01' },
      { at, what: 'accepted' },
      { at, what: 'started' },
    );
    state.logs.set(run.id, { lines: [], complete: false, open: false });
  }

  function end(run, st, exit) {
    const log = state.logs.get(run.id);
    Object.assign(run, {
      state: st,
      finished_at: ago(0),
      duration_ms: Date.now() - Date.parse(run.started_at),
      exit_code: exit,
    });
    run.timeline.push({ at: ago(0), what: 'finished', detail: st });
    Object.assign(run.attempts[0], {
      state: 'finished',
      finished_at: ago(0),
      outcome: st,
      exit_code: exit,
      log_bytes: 12_400,
    });
    if (st === 'failed')
      run.outcome = {
        code: 'exit_status',
        detail: `The script exited with code ${exit}.`,
        hint: 'The last lines of the log usually say why.',
      };
    if (log) log.complete = true;
    tell(run);
    tellLog(run.id);
  }

  function finished(job, st, secondsAgo, took) {
    const run = newRun(job, {}, secondsAgo % 3 ? 'schedule' : 'manual');
    run.created_at = ago(secondsAgo);
    begin(run, ago(secondsAgo - 1));
    const log = state.logs.get(run.id);
    for (let i = 1; i <= 300; i++) log.lines.push(sample(i, secondsAgo));
    Object.assign(run, { state: st, finished_at: ago(secondsAgo - 1 - took / 1000), duration_ms: took });
    if (st === 'failed')
      Object.assign(run, {
        exit_code: 2,
        outcome: {
          code: 'exit_status',
          detail: 'The script exited with code 2.',
          hint: 'The last lines of the log usually say why.',
        },
      });
    if (st === 'timed_out')
      run.outcome = {
        code: 'timed_out',
        detail: 'It ran longer than its timeout of 2m.',
        hint: 'Raise the timeout of the job, or make the script faster.',
      };
    if (st === 'lost')
      run.outcome = {
        code: 'agent_lost',
        detail: 'The host web-01 stopped answering.',
        hint: 'Run again, or check the host.',
      };
    Object.assign(run.attempts[0], {
      state: st === 'lost' ? 'lost' : 'finished',
      finished_at: run.finished_at,
      outcome: st,
      exit_code: run.exit_code,
      log_bytes: 12_400,
    });
    log.complete = true;
  }

  function sample(i, s) {
    const at = Date.now() - s * 1000 + i * 20;
    const text =
      i % 40 === 0
        ? '\x1b[33mwarning:\x1b[0m \x1b[1m/var\x1b[0m is at \x1b[38;5;208m87%\x1b[0m'
        : i % 55 === 0
          ? '\x1b[31mERROR\x1b[0m connection refused by 10.0.0.7:5432 (attempt 3 of 5)'
          : i === 7
            ? '\x1b]8;;https://example.org/doc\x1b\\the manual\x1b]8;;\x1b\\ says \x1b[4mread me\x1b[0m'
            : i === 9
              ? ' 10%\r 60%\r100% copied'
              : i === 11
                ? 'x'.repeat(9000)
                : `[${String(i).padStart(4, '0')}] \x1b[32mok\x1b[0m   /dev/sda1  ext4  41G  17G  22G  44%  /   inode ${i * 811}`;
    return {
      at,
      stream: i % 55 === 0 ? 'e' : i === 290 ? 's' : 'o',
      text: i === 290 ? 'Output limit reached: 12 KB were dropped here' : text,
    };
  }

  function start(run, script) {
    const count = Number(/seq 1 (\d+)/.exec(script)?.[1] ?? 20);
    const pause = Number(/sleep ([\d.]+)/.exec(script)?.[1] ?? 0.05) * 1000;
    const exit = Number(/exit (\d+)/.exec(script)?.[1] ?? 0);
    setTimeout(() => {
      begin(run);
      tell(run);
      let i = 0;
      const timer = setInterval(
        () => {
          if (run.state !== 'running') return clearInterval(timer);
          const log = state.logs.get(run.id);
          for (let k = 0; k < (pause < 5 ? 50 : 1) && i < count; k++)
            log.lines.push({
              at: Date.now(),
              stream: ++i % 25 === 0 ? 'e' : 'o',
              text: `t=${Date.now()} line ${i}`,
            });
          tellLog(run.id);
          if (run.cancelled) {
            clearInterval(timer);
            end(run, 'cancelled');
          } else if (i >= count) {
            clearInterval(timer);
            end(run, exit ? 'failed' : 'succeeded', exit);
          }
        },
        Math.max(5, pause),
      );
      timer.unref?.();
    }, 150);
  }

  const summary = ({ inputs: _i, attempts: _a, timeline: _t, max_attempts: _m, cancelled: _c, ...r }) => r;
  function tell(run) {
    for (const s of state.sockets)
      for (const [id, sub] of s.subs) {
        if (sub.topic === 'run' && sub.run === run.id) s.out({ id, type: 'run', run });
        if (sub.topic === 'runs') s.out({ id, type: 'runs', runs: [summary(run)] });
      }
  }
  function tellLog(runId) {
    for (const s of state.sockets)
      for (const [id, sub] of s.subs) if (sub.topic === 'log' && sub.run === runId) pump(s, id, sub);
  }
  function pump(s, id, sub) {
    const log = state.logs.get(sub.run);
    if (!log) return;
    while (sub.next <= log.lines.length) {
      const part = log.lines.slice(sub.next - 1, sub.next + 1999);
      s.out({
        id,
        type: 'log',
        from: sub.next,
        at: part.map((l) => l.at),
        streams: part.map((l) => l.stream).join(''),
        text: part.map((l) => l.text).join('\n'),
        open: false,
        total: log.lines.length,
        complete: log.complete,
      });
      sub.next += part.length;
    }
    if (log.complete) s.out({ id, type: 'end' });
  }

  function previewOf({ cron, zone = 'UTC', n = 5 }) {
    const fields = cron.trim().split(/\s+/);
    if (!cron.startsWith('@') && fields.length !== 5 && fields.length !== 6)
      throw problem(422, 'invalid_schedule', 'This schedule cannot be read', {
        field: 'cron',
        detail: `"${cron}" has ${fields.length} fields`,
        hint: 'Write five or six fields, as in 15 2 * * *.',
      });
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone });
    } catch {
      throw problem(422, 'unknown_timezone', 'There is no such time zone', {
        field: 'zone',
        detail: `"${zone}" is not in the zone database`,
        hint: 'Write an IANA name, as in Europe/Berlin.',
      });
    }
    const next = Array.from({ length: n }, (_, i) =>
      new Date(Math.ceil(Date.now() / 864e5) * 864e5 + i * 864e5 + 81e5).toISOString(),
    );
    return {
      words: `every day at 02:15`,
      next: next.map((utc) => ({ utc, local: utc })),
      notes:
        zone === 'Europe/Berlin'
          ? ['On 28 March 2027 02:15 does not exist in Europe/Berlin: it fires at 03:00.']
          : [],
    };
  }

  async function api(req, path, q, body, res) {
    const m = req.method;
    const signedIn = state.sessions.has(/sid=([^;]+)/.exec(req.headers.cookie ?? '')?.[1]);
    const me = {
      id: 'u1',
      email: 'admin@example.org',
      name: 'Admin',
      admin: true,
      projects: [{ slug: 'default', name: 'Default', role: 'owner' }],
      hub: { version: '0.1.0-mock', instance_id: 'i1' },
    };
    const open = (answer) => {
      const sid = Math.random().toString(36).slice(2);
      state.sessions.add(sid);
      res.setHeader('Set-Cookie', `sid=${sid}; Path=/; HttpOnly`);
      return answer;
    };
    if (path === '/setup' && m === 'GET') return { needed: false };
    if (path === '/setup') return open(me);
    if (path === '/auth/login') {
      if (body.password !== 'correct horse battery')
        throw problem(401, 'identity.bad_credentials', 'Email or password is wrong', {
          hint: 'Check both and try again.',
        });
      return open(me);
    }
    if (!signedIn)
      throw problem(401, 'unauthenticated', 'Sign in first', { hint: 'Your session may have ended.' });
    if (path === '/auth/logout') return void state.sessions.clear();
    if (path === '/me') return me;
    if (state.fail && path.includes(state.fail))
      throw problem(503, 'storage_unavailable', 'The database does not answer', {
        detail: 'The hub lost its connection to PostgreSQL.',
        hint: 'It retries by itself; look at the hub log if this stays.',
      });
    if (path === '/tokens') {
      if (m === 'GET') return { items: state.tokens };
      const token = {
        id: 'k' + (++seq).toString(16).padStart(7, '0'),
        name: body.name,
        created_at: ago(0),
        expires_at: soon(parseInt(body.expires_in) * 3600),
      };
      state.tokens.push(token);
      return { ...token, token: `cro_${token.id}_${'A'.repeat(43)}_abc123` };
    }
    if (path.startsWith('/tokens/'))
      return void (state.tokens = state.tokens.filter((t) => t.id !== path.slice(8)));
    if (path === '/schedules/preview') return previewOf(body);
    const [, , project, kind, name, verb, extra] = path.split('/').map(decodeURIComponent);
    if (project !== 'default') throw problem(404, 'project.not_found', 'No such project');
    if (kind === 'jobs') return jobs(m, name, verb, q, body, req, res);
    if (kind === 'runs') return runs(m, name, verb, extra, q, res);
    if (kind === 'schedules') return schedules(m, name, verb, q);
    if (kind === 'hosts') return hosts(m, name, body);
    throw problem(404, 'not_found', 'There is no such page');
  }

  const shown = ({ definition: _d, history: _h, ...j }) => j;
  function jobs(m, name, verb, q, body, req, res) {
    if (!name) {
      const items = [...state.jobs.values()]
        .filter((j) => j.name.includes(q.get('text') ?? ''))
        .sort((a, b) => a.name.localeCompare(b.name));
      return {
        items: items.map((j) => ({
          name: j.name,
          labels: j.labels,
          state: j.state,
          version: j.version,
          language: j.spec.script.language,
          updated_at: j.updated_at,
          schedules: j.schedules.map(({ id, name, words, next_at, enabled }) => ({
            id,
            name,
            words,
            next_at,
            enabled,
          })),
          last_runs: state.runs
            .filter((r) => r.job === j.name)
            .slice(0, 30)
            .map(({ id, state, created_at, duration_ms }) => ({ id, state, created_at, duration_ms })),
        })),
      };
    }
    const job = state.jobs.get(name);
    if (m === 'PUT') {
      if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
        throw problem(422, 'job.invalid', 'The job cannot be saved', {
          field: 'metadata.name',
          detail: 'A name has lower-case letters, digits and dashes.',
          hint: 'For example disk-report.',
        });
      if (body.spec.timeout && !/^\d+(ms|s|m|h)$/.test(body.spec.timeout))
        throw problem(422, 'job.invalid', 'The job cannot be saved', {
          field: 'spec.timeout',
          detail: `"${body.spec.timeout}" is not a duration.`,
          hint: 'Write 90s, 2m or 1h.',
        });
      const tag = req.headers['if-match'];
      if (tag && job && tag !== `"${job.version}"`)
        throw problem(412, 'version_conflict', 'Somebody else changed it');
      const now = putJob(name, body);
      res.setHeader('ETag', `"${now.version}"`);
      return { change: job ? 'updated' : 'created', job: shown(now), warnings: [] };
    }
    if (!job)
      throw problem(404, 'job.not_found', 'There is no such job', {
        detail: `No job ${name}`,
        hint: 'See the list of jobs.',
      });
    if (verb === 'runs') {
      const run = newRun(name, body.inputs ?? {}, 'manual');
      tell(run);
      start(run, job.spec.script.source);
      res.statusCode = 202;
      return run;
    }
    if (verb === 'versions') return { items: job.history };
    if (verb === 'pause' || verb === 'resume') job.state = verb === 'pause' ? 'paused' : 'active';
    res.setHeader('ETag', `"${job.version}"`);
    return shown(job);
  }

  function runs(m, id, verb, extra, q, res) {
    if (!id) {
      const want = (k) => q.get(k)?.split(',');
      const all = state.runs.filter(
        (r) =>
          (!want('state') || want('state').includes(r.state)) &&
          (!q.get('job') || r.job === q.get('job')) &&
          (!q.get('trigger') || r.trigger === q.get('trigger')),
      );
      const from = Number(q.get('cursor') || 0);
      const limit = Number(q.get('limit') || 50);
      return {
        items: all.slice(from, from + limit).map(summary),
        next_cursor: from + limit < all.length ? String(from + limit) : undefined,
      };
    }
    const run = state.runs.find((r) => r.id === id);
    if (!run)
      throw problem(404, 'run.not_found', 'There is no such run', { hint: 'It may have been pruned.' });
    if (verb === 'cancel') {
      if (run.finished_at) throw problem(409, 'run_already_finished', 'The run is finished');
      if (run.state === 'queued') {
        run.started_at = ago(0);
        Object.assign(run, { state: 'cancelled', finished_at: ago(0), duration_ms: 0 });
      }
      run.cancelled = true;
      tell(run);
      res.statusCode = 202;
      return run;
    }
    if (verb === 'log') {
      const log = state.logs.get(id) ?? { lines: [], complete: false };
      if (extra === 'raw') {
        res.setHeader('Content-Type', 'application/octet-stream');
        res.setHeader('Content-Disposition', 'attachment');
        return Buffer.from(
          log.lines
            .filter((l) => l.stream !== 's')
            .map((l) => l.text + '\n')
            .join(''),
        );
      }
      const from = Number(q.get('from') || 1);
      const lines = log.lines.slice(from - 1, from - 1 + Number(q.get('limit') || 2000));
      return {
        from,
        total: log.lines.length,
        bytes: log.lines.length * 40,
        complete: log.complete,
        open: false,
        lines: lines.map((l, i) => ({
          n: from + i,
          at: new Date(l.at).toISOString(),
          stream: { o: 'out', e: 'err', s: 'sys' }[l.stream],
          text: l.text,
        })),
      };
    }
    return run;
  }

  function schedules(m, id, verb, q) {
    const all = [...state.jobs.values()]
      .flatMap((j) => j.schedules)
      .filter((s) => !q.get('job') || s.job === q.get('job'));
    if (!id) return { items: all };
    const s = all.find((x) => x.id === id);
    if (verb === 'fires')
      return {
        items: [
          {
            planned_at: ago(800),
            decided_at: ago(800),
            outcome: 'started',
            occurrences: 1,
            run_id: state.runs[5]?.id,
          },
          {
            planned_at: ago(1400),
            decided_at: ago(1400),
            outcome: 'skipped',
            reason: 'the previous run was active',
          },
          {
            planned_at: ago(9000),
            decided_at: ago(2000),
            outcome: 'missed',
            occurrences: 12,
            reason: 'hub_down',
            detail: 'the hub was down',
          },
        ],
      };
    if (verb === 'pause' || verb === 'resume') s.enabled = verb === 'resume';
    return s;
  }

  function hosts(m, name, body) {
    if (!name) return { items: state.hosts };
    if (name === 'join-tokens') {
      setTimeout(() => {
        state.hosts.push({
          ...host(body.name || 'new-host', 'online', body.labels ?? {}),
          connected_at: ago(0),
        });
        for (const s of state.sockets)
          for (const [id, sub] of s.subs)
            if (sub.topic === 'hosts') s.out({ id, type: 'hosts', hosts: state.hosts });
      }, 1500);
      const token = `aj1_0123456789_${'s'.repeat(43)}_${'p'.repeat(43)}_abc123`;
      return {
        token,
        id: 'j1',
        expires_at: soon(3600),
        command: `cronium-agent enrol --hub hub.example.org:8421 --token ${token} --data-dir /var/lib/cronium-agent`,
      };
    }
    const h = state.hosts.find((x) => x.name === name);
    if (!h) throw problem(404, 'fleet.not_found', 'There is no such host');
    if (m === 'DELETE') return void (h.state = 'revoked');
    return h;
  }

  const server = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://x');
    res.setHeader('X-Hub-Time', new Date().toISOString());
    res.setHeader('X-Request-Id', 'req_mock');
    if (!url.pathname.startsWith('/api/')) {
      let file = join(dist, url.pathname);
      if (url.pathname === '/' || !existsSync(file)) file = join(dist, 'index.html');
      res.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
      if (extname(file) === '.html') res.setHeader('Content-Security-Policy', policy);
      if (/gzip/.test(req.headers['accept-encoding'] ?? '') && existsSync(file + '.gz')) {
        res.setHeader('Content-Encoding', 'gzip');
        file += '.gz';
      }
      return res.end(readFileSync(file));
    }
    try {
      let text = '';
      for await (const part of req) text += part;
      const body = text ? JSON.parse(text) : {};
      const answer = await api(req, url.pathname.slice('/api/v1'.length), url.searchParams, body, res);
      if (answer === undefined) return res.writeHead(204).end();
      if (Buffer.isBuffer(answer)) return res.end(answer);
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify(answer));
    } catch (err) {
      const p = err.problem ?? {
        title: 'internal',
        status: 500,
        code: 'internal',
        detail: String(err.stack),
        hint: '',
      };
      res.writeHead(p.status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(p));
    }
  });
  const wss = new WebSocketServer({ server, path: '/api/v1/ws', handleProtocols: () => 'cronium.v1' });
  wss.on('connection', (ws) => {
    const s = { ws, subs: new Map(), out: (m) => ws.send(JSON.stringify(m)) };
    state.sockets.add(s);
    ws.on('close', () => state.sockets.delete(s));
    ws.on('message', (data) => {
      const m = JSON.parse(String(data));
      if (m.op === 'unsub') return s.subs.delete(m.id);
      const sub = { ...m, next: m.from ?? 1 };
      s.subs.set(m.id, sub);
      if (m.topic === 'log') pump(s, m.id, sub);
      if (m.topic === 'run') s.out({ id: m.id, type: 'run', run: state.runs.find((r) => r.id === m.run) });
      if (m.topic === 'hosts') s.out({ id: m.id, type: 'hosts', hosts: state.hosts });
    });
  });
  return new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () => {
      const url = `http://127.0.0.1:${server.address().port}`;
      resolve({
        url,
        state,
        bigLog(lines) {
          const run = newRun('disk-report', {}, 'manual');
          begin(run);
          const log = state.logs.get(run.id);
          for (let i = 1; i <= lines; i++)
            log.lines.push({
              at: Date.now(),
              stream: 'o',
              text: `line ${i} of a long log, ${'lorem ipsum '.repeat(i % 9)}`,
            });
          end(run, 'succeeded', 0);
          return run.id;
        },
        dropSockets: () => {
          for (const s of state.sockets) s.ws.terminate();
        },
        close: () => {
          for (const s of state.sockets) s.ws.terminate();
          server.closeAllConnections();
          return new Promise((r) => server.close(r));
        },
      });
    }),
  );
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const mock = await startMock({ port: Number(process.env.PORT ?? 8430) });
  console.log(mock.url);
}
