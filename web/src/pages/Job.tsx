import { Button } from '@mantine/core';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { number, t } from '../i18n';
import {
  patchRuns,
  runsKey,
  useJob,
  useMay,
  useProject,
  useRuns,
  useRunsTopic,
  useSchedules,
  useSwitch,
  useVersions,
} from '../queries';
import { Time } from '../time/Time';
import { duration } from '../time/time';
import type { Job as JobShape, JobVersion, Page as PageOf, RunSummary } from '../types';
import { Copy, Empty, Labels, Loaded, Loading, More, Note, Page } from '../ui/Page';
import { isBad } from '../ui/shapes';
import { Status } from '../ui/Status';
import { Strip } from '../ui/Strip';
import { Tabs } from '../ui/Tabs';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { workText } from './draft';
import { RunButton } from './RunButton';
import { RunTable } from './Runs';
import { ScheduleTable } from './Schedules';

const Code = lazy(() => import('../editor/Code'));
const Diff = lazy(() => import('../editor/Diff'));

export default function Job() {
  const { name } = useParams({ from: '/shell/jobs/$name' });
  const query = useJob(name);
  const job = query.data?.job;
  return (
    <Page
      title={name}
      crumb={<Link to="/jobs">{t('nav.jobs')}</Link>}
      beside={job && <Beside job={job} />}
      actions={job && <Actions job={job} />}
    >
      <Loaded from={query}>{({ job }) => <View job={job} />}</Loaded>
    </Page>
  );
}

/** When it runs by itself; what it is when it does not. */
function Beside({ job }: { job: JobShape }) {
  if (job.state !== 'active') return <Status state={job.state} />;
  const enabled = job.schedules.filter((s) => s.enabled);
  const next = enabled
    .map((s) => s.next_at)
    .filter((at) => at !== undefined)
    .sort()[0];
  if (enabled.length === 0) return null;
  return (
    <span className={css.sub}>
      {enabled.map((s) => `${s.words}, ${s.zone}`).join('; ')}
      {next && (
        <>
          {' · '}
          {t('job.next')} <Time at={next} />
        </>
      )}
    </span>
  );
}

/** Of the runs that the strip shows. */
function Figures({ runs }: { runs: RunSummary[] }) {
  const over = runs.filter((r) => r.state === 'succeeded' || isBad(r.state));
  const took = over
    .filter((r) => r.state === 'succeeded' && r.duration_ms !== undefined)
    .map((r) => r.duration_ms as number)
    .sort((a, b) => a - b);
  if (over.length === 0) return null;
  const at = (q: number) => duration(took[Math.ceil(took.length * q) - 1] as number);
  return (
    <p className={`${css.muted} num`} style={{ marginTop: 12, fontSize: 13 }}>
      {t('job.figures', {
        ok: number(over.filter((r) => r.state === 'succeeded').length),
        count: number(over.length),
      })}
      {took.length > 0 && ` · ${t('job.median', { time: at(0.5) })}`}
      {took.length >= 20 && ` · ${t('job.p95', { time: at(0.95) })}`}
    </p>
  );
}

function Actions({ job }: { job: JobShape }) {
  const mayRun = useMay('operator');
  const mayEdit = useMay('editor');
  const flip = useSwitch('jobs');
  const paused = job.state === 'paused';
  const onFlip = () =>
    flip.mutate(
      { id: job.name, on: paused },
      {
        onSuccess: () => toast(t(paused ? 'jobs.resumed' : 'jobs.paused', { name: job.name })),
        onError: toastProblem,
      },
    );
  return (
    <>
      {mayEdit && (
        <>
          <Button variant="default" onClick={onFlip} loading={flip.isPending}>
            {t(paused ? 'action.resume' : 'action.pause')}
          </Button>
          <Button variant="default" component={Link} to={`/jobs/${encodeURIComponent(job.name)}/edit`}>
            {t('action.edit')}
          </Button>
        </>
      )}
      {mayRun && <RunButton job={job.name} label={t('action.run_now')} />}
    </>
  );
}

function View({ job }: { job: JobShape }) {
  const { tab = 'runs' } = useSearch({ from: '/shell/jobs/$name' });
  const navigate = useNavigate({ from: '/jobs/$name' });
  return (
    <>
      {job.state === 'paused' && <Note tone="idle" title={t('job.paused_note')} />}
      <Summary job={job} />
      <div style={{ height: 16 }} />
      <Tabs
        label={t('job.tabs')}
        value={tab}
        options={[
          { value: 'runs', label: t('nav.runs') },
          { value: 'schedules', label: t('nav.schedules') },
          { value: 'script', label: t(job.spec.http ? 'http.request' : 'job.script') },
          { value: 'versions', label: t('job.versions') },
        ]}
        onChange={(next) =>
          void navigate({ search: { tab: next === 'runs' ? undefined : next }, replace: true })
        }
      />
      {tab === 'schedules' ? (
        <JobSchedules job={job.name} />
      ) : tab === 'script' ? (
        <Script job={job} />
      ) : tab === 'versions' ? (
        <Versions job={job.name} />
      ) : (
        <JobRuns job={job.name} />
      )}
    </>
  );
}

function Summary({ job }: { job: JobShape }) {
  const query = useRuns({ job: job.name }, 60);
  const runs = query.data?.pages[0]?.items ?? [];
  const { spec } = job;
  return (
    <div className={css.grid2} style={{ alignItems: 'stretch' }}>
      <section className={css.card}>
        <h2 className={css.cardTitle}>{t('job.last_runs', { count: Math.max(1, runs.length) })}</h2>
        <p className={css.muted} style={{ marginBottom: 12, fontSize: 13 }}>
          {t('job.strip_key')}
        </p>
        {query.data ? <Strip runs={runs} height={32} /> : <div style={{ height: 32 }} />}
        <Figures runs={runs} />
      </section>
      <section className={css.card}>
        <h2 className="vh">{t('job.definition')}</h2>
        <dl className={css.facts}>
          <dt>{t('job.language')}</dt>
          <dd>{t(`lang.${spec.script?.language ?? 'http'}`)}</dd>
          <dt>{t('job.runs_on')}</dt>
          <dd>
            {spec.target?.server ? (
              <Link to="/hosts/servers/$name" params={{ name: spec.target.server }}>
                {t('job.on_server', { name: spec.target.server })}
              </Link>
            ) : spec.target?.servers ? (
              t('job.on_servers', { names: spec.target.servers.join(', ') })
            ) : Object.keys(spec.target?.labels ?? {}).length > 0 ? (
              <Labels of={spec.target?.labels} />
            ) : (
              t('job.any_host')
            )}
          </dd>
          {spec.fan_out && (
            <>
              <dt>{t('job.fan_out')}</dt>
              <dd>
                {t('job.fan_out_words', {
                  parallel: spec.fan_out.max_parallel ?? '100%',
                  within: spec.fan_out.start_within ?? '10m',
                })}
                {spec.fan_out.max_failures &&
                  ` · ${t('job.fan_out_failures', { n: spec.fan_out.max_failures })}`}
              </dd>
            </>
          )}
          {spec.container && (
            <>
              <dt>{t('job.container')}</dt>
              <dd className={css.mono}>{spec.container.image ?? t('job.container_default')}</dd>
            </>
          )}
          <dt>{t('job.timeout')}</dt>
          <dd>{spec.timeout ?? '1h'}</dd>
          <dt>{t('job.retries')}</dt>
          <dd>
            {spec.retries && spec.retries.max > 0
              ? t('job.retries_words', {
                  count: spec.retries.max,
                  backoff: spec.retries.backoff ?? 'fixed',
                  delay: spec.retries.delay ?? '0s',
                })
              : t('job.no_retries')}
          </dd>
          <dt>{t('job.version')}</dt>
          <dd>
            {job.version} · <Time at={job.updated_at} /> {job.updated_by && `· ${job.updated_by}`}
          </dd>
          {Object.keys(job.labels).length > 0 && (
            <>
              <dt>{t('job.labels')}</dt>
              <dd>
                <Labels of={job.labels} />
              </dd>
            </>
          )}
        </dl>
      </section>
    </div>
  );
}

function JobRuns({ job }: { job: string }) {
  const query = useRuns({ job }, 60);
  const queries = useQueryClient();
  const project = useProject();
  useRunsTopic((changed) => {
    const mine = changed.filter((r) => r.job === job);
    if (mine.length === 0) return;
    const key = runsKey(project, { job });
    const data = queries.getQueryData<InfiniteData<PageOf<RunSummary>>>(key);
    const known = new Set(data?.pages.flatMap((p) => p.items.map((r) => r.id)));
    if (mine.every((r) => known.has(r.id))) queries.setQueryData(key, patchRuns(data, mine));
    else void queries.invalidateQueries({ queryKey: key });
  });
  return (
    <Loaded from={query}>
      {({ pages }) => {
        const items = pages.flatMap((p) => p.items);
        if (items.length === 0) return <Empty title={t('job.no_runs')} command={`cronium run ${job} -w`} />;
        return (
          <>
            <RunTable items={items} withJob={false} />
            <More query={query} />
          </>
        );
      }}
    </Loaded>
  );
}

function JobSchedules({ job }: { job: string }) {
  const query = useSchedules(job);
  return (
    <Loaded from={query} rows={3}>
      {({ pages }) => {
        const items = pages.flatMap((p) => p.items);
        if (items.length === 0)
          return (
            <Empty
              title={t('job.no_schedules')}
              action={
                <Button variant="default" component={Link} to={`/jobs/${encodeURIComponent(job)}/edit`}>
                  {t('job.add_schedule')}
                </Button>
              }
            />
          );
        return <ScheduleTable items={items} withJob={false} />;
      }}
    </Loaded>
  );
}

function Script({ job }: { job: JobShape }) {
  const { script, inputs = {}, env = {}, secrets = [], dependencies = [] } = job.spec;
  const text = workText(job.spec);
  return (
    <div className={css.stack}>
      <div>
        <Suspense fallback={<Loading rows={6} />}>
          <Code
            value={text}
            language={script?.language ?? 'node'} // JSON is JavaScript
            label={t(script ? 'job.script' : 'http.request')}
            readOnly
          />
        </Suspense>
        <div className={css.row} style={{ marginTop: 8 }}>
          <Copy text={text} />
        </div>
      </div>
      {Object.keys(inputs).length > 0 && (
        <section className={css.card}>
          <h2 className={css.cardTitle}>{t('job.inputs')}</h2>
          <dl className={css.facts}>
            {Object.entries(inputs).map(([name, i]) => (
              <div key={name} style={{ display: 'contents' }}>
                <dt className={css.mono}>{name}</dt>
                <dd>
                  {i.type}
                  {i.required ? `, ${t('job.required')}` : ''}
                  {i.secret
                    ? `, ${t('job.secret')}`
                    : i.default !== undefined
                      ? `, ${t('job.default', { value: JSON.stringify(i.default) })}`
                      : ''}
                  {i.description ? ` · ${i.description}` : ''}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {dependencies.length > 0 && (
        <section className={css.card}>
          <h2 className={css.cardTitle}>{t('job.dependencies')}</h2>
          <p className={css.mono}>{dependencies.join(', ')}</p>
        </section>
      )}
      {Object.keys(env).length > 0 && (
        <section className={css.card}>
          <h2 className={css.cardTitle}>{t('job.env')}</h2>
          <Labels of={env} />
        </section>
      )}
      {secrets.length > 0 && (
        <section className={css.card}>
          <h2 className={css.cardTitle}>{t('nav.secrets')}</h2>
          <p className={css.mono}>{secrets.join(', ')}</p>
        </section>
      )}
    </div>
  );
}

function Versions({ job }: { job: string }) {
  const query = useVersions(job);
  const [chosen, choose] = useState<number | null>(null);
  return (
    <Loaded from={query} rows={4}>
      {({ items }) => {
        const now = items.find((v) => v.version === (chosen ?? items[0]?.version));
        const before = now && items.find((v) => v.version < now.version);
        return (
          <div className={css.stack}>
            <div className={css.tableWrap}>
              <table className={css.table}>
                <thead>
                  <tr>
                    <th scope="col">{t('job.version')}</th>
                    <th scope="col">{t('col.created')}</th>
                    <th scope="col">{t('col.by')}</th>
                    <th scope="col">{t('col.note')}</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((v) => (
                    <tr key={v.version}>
                      <td>
                        <button
                          type="button"
                          className={css.chip}
                          aria-pressed={v === now}
                          onClick={() => choose(v.version)}
                        >
                          {t('job.version_n', { n: v.version })}
                        </button>
                      </td>
                      <td>
                        <Time at={v.created_at} />
                      </td>
                      <td className={css.muted}>{v.created_by}</td>
                      <td className={css.muted}>{v.note}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {now && before && <Changes from={before} to={now} />}
          </div>
        );
      }}
    </Loaded>
  );
}

function Changes({ from, to }: { from: JobVersion; to: JobVersion }) {
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>{t('job.changes', { from: from.version, to: to.version })}</h2>
      <Suspense fallback={<Loading rows={4} />}>
        <Diff
          key={to.version}
          before={document_(from)}
          after={document_(to)}
          label={t('job.changes', { from: from.version, to: to.version })}
        />
      </Suspense>
    </section>
  );
}

/** A version as one text: what surrounds the script, then the script. */
function document_(v: JobVersion): string {
  const { script, ...rest } = v.spec;
  const around = JSON.stringify(rest, null, 2);
  return script ? `${around}\n\n# ${script.language}\n${v.script || script.source}` : around;
}
