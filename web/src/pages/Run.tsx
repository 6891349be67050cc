import { Button } from '@mantine/core';
import { Link, useNavigate, useSearch, useParams } from '@tanstack/react-router';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { at, post } from '../request';
import { t } from '../i18n';
import { size } from '../log/size';
import { useMay, useProject, useRun } from '../queries';
import { Elapsed, Time } from '../time/Time';
import { duration, full, zone } from '../time/time';
import type { Attempt, Run as RunShape } from '../types';
import { Loaded, Loading, Note, Page } from '../ui/Page';
import { isActive, isBad } from '../ui/shapes';
import { Status } from '../ui/Status';
import { Tabs } from '../ui/Tabs';
import { toastProblem } from '../ui/toast';
import ui from '../ui/ui.module.css';
import css from './run.module.css';
import { shortId, stateWord } from './Runs';
import { Artifacts } from './RunArtifacts';
import { Output, Progress } from './RunSaid';
import { Targets } from './RunTargets';

const LogPane = lazy(() => import('../log/LogPane'));
const RunDialog = lazy(() => import('./RunDialog'));

export default function Run() {
  const { id } = useParams({ from: '/shell/runs/$id' });
  const query = useRun(id);
  if (query.data) return <Loaded from={query}>{(run) => <View run={run} />}</Loaded>;
  return (
    <Page title={t('run.title', { id: shortId(id) })}>
      <Loaded from={query}>{() => null}</Loaded>
    </Page>
  );
}

function View({ run }: { run: RunShape }) {
  const { tab = 'log' } = useSearch({ from: '/shell/runs/$id' });
  const many = run.targets;
  const navigate = useNavigate({ from: '/runs/$id' });
  return (
    <div className={css.run}>
      <Page
        title={run.job}
        crumb={
          <>
            <Link to="/runs">{t('nav.runs')}</Link> /{' '}
            {run.parent && (
              <>
                <Link to="/runs/$id" params={{ id: run.parent }} className={ui.mono}>
                  {shortId(run.parent)}
                </Link>{' '}
                /{' '}
              </>
            )}
            <span className={ui.mono}>{run.id}</span>
          </>
        }
        beside={<Status state={run.state} word={stateWord(run)} />}
        actions={<Actions run={run} />}
      >
        <Facts run={run} />
        <Cause run={run} />
        <Waiting run={run} />
        <Progress run={run} />
        <Artifacts run={run} />
        {many && many.total > 0 && <Targets run={run} counts={many} />}
        <Tabs
          label={t('run.tabs')}
          value={tab}
          options={[
            { value: 'log', label: t('run.log') },
            { value: 'timeline', label: t('run.timeline') },
            ...(many
              ? []
              : [
                  {
                    value: 'attempts',
                    label: t('run.attempts', { count: Math.max(1, run.attempts.length) }),
                  },
                ]),
            { value: 'inputs', label: t('run.inputs') },
            ...(many ? [] : [{ value: 'output', label: t('run.output') }]),
          ]}
          onChange={(next) =>
            void navigate({
              search: (s) => ({ ...s, tab: next === 'log' ? undefined : next }),
              hash: '',
              replace: true,
            })
          }
        />
        {tab === 'timeline' ? (
          <Timeline run={run} />
        ) : tab === 'attempts' ? (
          <Attempts run={run} />
        ) : tab === 'inputs' ? (
          <Inputs run={run} />
        ) : tab === 'output' ? (
          <Output run={run} />
        ) : (
          <LogTab run={run} />
        )}
      </Page>
    </div>
  );
}

function Facts({ run }: { run: RunShape }) {
  const active = isActive(run.state);
  const begun = run.attempts[0]?.started_at ?? run.started_at;
  return (
    <div className={css.facts}>
      <span>
        <Link to="/jobs/$name" params={{ name: run.job }}>
          {t('run.job_version', { job: run.job, version: run.job_version })}
        </Link>
      </span>
      <span>
        {t(`trigger.${run.trigger}`)}
        {run.started_by ? ` · ${run.started_by}` : ''}
      </span>
      {run.targets && <span>{t('runs.targets', { count: run.targets.total, n: run.targets.total })}</span>}
      {run.target && !run.host && <span>{t('run.for', { target: run.target })}</span>}
      {run.host && (
        <span>
          {t('run.on')}{' '}
          {run.server ? (
            <Link to="/hosts/servers/$name" params={{ name: run.server }}>
              {run.server}
            </Link>
          ) : (
            <Link to="/hosts">{run.host}</Link>
          )}
        </span>
      )}
      {run.max_attempts > 1 && run.attempt > 0 && (
        <span>{t('run.attempt_of', { n: run.attempt, of: run.max_attempts })}</span>
      )}
      {run.started_at && (
        <span>
          {t(active ? 'run.running_for' : 'run.took')}{' '}
          <Elapsed from={active ? run.started_at : undefined} ms={active ? undefined : run.duration_ms} />
        </span>
      )}
      {begun && (
        <span>{t('run.waited', { time: duration(Date.parse(begun) - Date.parse(run.created_at)) })}</span>
      )}
      <span>
        {t(begun ? 'run.started_at' : 'run.created_at')} <Time at={begun ?? run.created_at} />
      </span>
    </div>
  );
}

/** Why it ended badly, and what to do. */
function Cause({ run }: { run: RunShape }) {
  if ((!isBad(run.state) && run.state !== 'partial') || !run.outcome) return null;
  const { code, detail, hint } = run.outcome;
  const byExit = code === 'exit_code' && run.exit_code !== undefined;
  return (
    <Note
      tone={run.state === 'partial' ? 'warn' : undefined}
      title={byExit ? t('run.ended_with', { code: run.exit_code ?? 0 }) : detail || t(`state.${run.state}`)}
    >
      {hint && <p>{hint}</p>}
      {!byExit && <p className={ui.faint}>{code}</p>}
    </Note>
  );
}

function Waiting({ run }: { run: RunShape }) {
  if (run.state === 'unknown')
    return (
      <Note tone="warn" title={t('run.unknown')}>
        {run.reason?.detail && <p>{run.reason.detail}</p>}
      </Note>
    );
  if (run.state !== 'queued' || !run.reason) return null;
  return (
    <Note tone="idle" title={run.reason.detail || t('run.waiting')}>
      <p className={ui.faint}>
        {run.reason.code}
        {run.reason.since && (
          <>
            {' · '}
            {t('run.since')} <Time at={run.reason.since} />
          </>
        )}
      </p>
    </Note>
  );
}

function Actions({ run }: { run: RunShape }) {
  const project = useProject();
  const queries = useQueryClient();
  const mayRun = useMay('operator');
  const [again, setAgain] = useState(false);
  const cancel = useMutation({
    mutationFn: () => post<RunShape>(at('projects', project, 'runs', run.id, 'cancel')),
    onSuccess: (now) => queries.setQueryData(['run', project, run.id], now),
    onError: toastProblem,
  });
  if (!mayRun) return null;
  const asked = cancel.isSuccess;
  return (
    <>
      {isActive(run.state) && (
        <Button
          variant="default"
          color="danger"
          onClick={() => cancel.mutate()}
          loading={cancel.isPending}
          disabled={asked}
        >
          {asked ? t('run.cancelling') : t('action.cancel_run')}
        </Button>
      )}
      <Button variant={isActive(run.state) ? 'default' : 'filled'} onClick={() => setAgain(true)}>
        {t('action.run_again')}
      </Button>
      {again && (
        <Suspense>
          <RunDialog job={run.job} given={run.inputs} onClose={() => setAgain(false)} />
        </Suspense>
      )}
    </>
  );
}

function LogTab({ run }: { run: RunShape }) {
  const project = useProject();
  const search = useSearch({ from: '/shell/runs/$id' });
  const navigate = useNavigate({ from: '/runs/$id' });
  const newest = run.attempts.reduce((n, a) => Math.max(n, a.attempt), 0);
  const attempt = search.attempt ?? newest;
  if (run.targets && run.targets.total > 0) {
    return (
      <Suspense fallback={<Loading rows={6} />}>
        <LogPane
          key={run.id}
          place={{ project, run: run.id, attempt: 0 }}
          job={run.job}
          live={isActive(run.state)}
          failed={isBad(run.state) || run.state === 'partial'}
        />
      </Suspense>
    );
  }
  if (attempt === 0) {
    return (
      <div className={css.noLog}>
        <p>{t(isActive(run.state) ? 'run.no_log_yet' : 'run.no_log')}</p>
      </div>
    );
  }
  const shown = run.attempts.find((a) => a.attempt === attempt);
  return (
    <>
      {run.attempts.length > 1 && (
        <div
          className={ui.chips}
          role="group"
          aria-label={t('run.choose_attempt')}
          style={{ marginBottom: 12 }}
        >
          {run.attempts.map((a) => (
            <button
              key={a.attempt}
              type="button"
              className={ui.chip}
              aria-pressed={a.attempt === attempt}
              onClick={() =>
                void navigate({
                  search: (s) => ({ ...s, attempt: a.attempt === newest ? undefined : a.attempt }),
                  hash: '',
                  replace: true,
                })
              }
            >
              {t('run.attempt', { n: a.attempt })}
            </button>
          ))}
        </div>
      )}
      <Suspense fallback={<Loading rows={6} />}>
        <LogPane
          key={`${run.id}/${attempt}`}
          place={{ project, run: run.id, attempt }}
          job={run.job}
          live={isLive(run, shown)}
          failed={isBad(run.state)}
        />
      </Suspense>
    </>
  );
}

const isLive = (run: RunShape, a: Attempt | undefined) => isActive(run.state) && !a?.finished_at;

function Timeline({ run }: { run: RunShape }) {
  return (
    <section className={ui.tableWrap} aria-label={t('run.timeline')}>
      <table className={ui.table}>
        <thead>
          <tr>
            <th scope="col">{t('col.time', { zone })}</th>
            <th scope="col">{t('col.what')}</th>
            <th scope="col">{t('col.detail')}</th>
          </tr>
        </thead>
        <tbody>
          {run.timeline.map((m, i) => (
            <tr key={i}>
              <td className={ui.mono}>
                <Moment at={m.at} />
              </td>
              <td>{t(`moment.${m.what}`)}</td>
              <td data-wide className={ui.muted}>
                {m.detail}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** To the millisecond, as logs are. */
function Moment({ at }: { at: string }) {
  const text = full(new Date(at));
  return (
    <time dateTime={at} title={text}>
      {text.slice(0, 23)}
    </time>
  );
}

function Attempts({ run }: { run: RunShape }) {
  if (run.attempts.length === 0) return <p className={ui.muted}>{t('run.no_attempts')}</p>;
  return (
    <div className={ui.stack}>
      {run.attempts.map((a) => (
        <section key={a.attempt} className={ui.card}>
          <h2 className={ui.cardTitle}>{t('run.attempt', { n: a.attempt })}</h2>
          <dl className={ui.facts}>
            <Fact name={t('col.status')}>
              <Status
                state={a.outcome ?? a.state}
                word={
                  a.outcome && stateWord({ state: a.outcome, exit_code: a.exit_code, attempt: a.attempt })
                }
              />
              {a.late && <span className={ui.muted}> · {t('run.late')}</span>}
            </Fact>
            <Fact name={t('col.host')}>{a.host}</Fact>
            {a.exit_code !== undefined && a.outcome !== 'failed' && (
              <Fact name={t('run.exit_code')}>{a.exit_code}</Fact>
            )}
            {a.signal && <Fact name={t('run.signal')}>{a.signal}</Fact>}
            {a.started_at && (
              <Fact name={t('run.started')}>
                <Moment at={a.started_at} /> {zone}
              </Fact>
            )}
            {a.started_at && a.finished_at && (
              <Fact name={t('col.duration')}>
                {duration(Date.parse(a.finished_at) - Date.parse(a.started_at))}
              </Fact>
            )}
            {a.image && (
              <Fact name={t('run.image')}>
                <span className={ui.mono} style={{ overflowWrap: 'anywhere' }}>
                  {a.image}
                  {a.image_digest && !a.image.endsWith(a.image_digest) ? ` @ ${a.image_digest}` : ''}
                </span>
              </Fact>
            )}
            {a.stages && (
              <Fact name={t('run.stages')}>
                {a.stages.map((s) => `${t(`run.stage.${s.name}`)} ${duration(s.duration_ms)}`).join(' · ')}
              </Fact>
            )}
            <Fact name={t('run.log_size')}>
              {size(a.log_bytes)}
              {a.dropped_bytes > 0 ? ` · ${t('run.dropped', { size: size(a.dropped_bytes) })}` : ''}
            </Fact>
            {a.problem && (
              <Fact name={t('run.problem')}>
                {a.problem.detail}
                {a.problem.hint && <div className={ui.muted}>{a.problem.hint}</div>}
              </Fact>
            )}
          </dl>
        </section>
      ))}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Inputs({ run }: { run: RunShape }) {
  const all = Object.entries(run.inputs);
  if (all.length === 0) return <p className={ui.muted}>{t('run.no_inputs')}</p>;
  return (
    <section className={ui.card}>
      <dl className={ui.facts}>
        {all.map(([k, v]) => (
          <Fact key={k} name={k}>
            <code className={ui.mono}>{JSON.stringify(v)}</code>
          </Fact>
        ))}
      </dl>
    </section>
  );
}
