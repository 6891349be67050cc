import { Button, TextInput } from '@mantine/core';
import { useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { number, t } from '../i18n';
import { patchRuns, runsKey, useJobs, useProject, useRuns, useRunsTopic, type RunFilter } from '../queries';
import { asProblem } from '../request';
import { Elapsed, Time } from '../time/Time';
import { zone } from '../time/time';
import type { Page as PageOf, RunSummary, TargetCounts } from '../types';
import { Empty, Loaded, More, Page } from '../ui/Page';
import { isActive } from '../ui/shapes';
import { Status } from '../ui/Status';
import css from '../ui/ui.module.css';

const groups = {
  active: 'queued,assigned,running,unknown',
  succeeded: 'succeeded',
  failed: 'failed,partial,timed_out,lost',
  rest: 'cancelled,skipped',
} as const;
const triggers = ['manual', 'schedule', 'cli', 'api', 'retry'] as const;

export default function Runs() {
  const filter = useSearch({ from: '/shell/runs' });
  const query = useRuns(filter);
  const noticed = useFresh(filter);
  const shown = new Set(query.data?.pages.flatMap((p) => p.items.map((r) => r.id)));
  const fresh = [...noticed].filter((id) => !shown.has(id)).length;
  const filtered = Boolean(filter.state || filter.job || filter.trigger);
  return (
    <Page title={t('nav.runs')}>
      <Filters filter={filter} />
      {fresh > 0 && (
        <div className={css.centre}>
          <button type="button" className={css.pill} onClick={() => void query.refetch()}>
            {t('runs.fresh', { count: fresh })}
          </button>
        </div>
      )}
      {filter.job && asProblem(query.error).status === 404 ? (
        <None title={t('runs.no_job', { job: filter.job })} filtered />
      ) : (
        <Loaded from={query}>
          {({ pages }) => {
            const items = pages.flatMap((p) => p.items);
            if (items.length === 0) return <None filtered={filtered} />;
            return (
              <>
                <RunTable items={items} />
                <More query={query} />
              </>
            );
          }}
        </Loaded>
      )}
    </Page>
  );
}

/** Changed runs are written in place; new ones are remembered, so that rows do not move under the reader. */
function useFresh(filter: RunFilter) {
  const project = useProject();
  const queries = useQueryClient();
  const key = runsKey(project, filter);
  const id = key.join(' ');
  const [seen, setSeen] = useState({ id, ids: new Set<string>() });
  if (seen.id !== id) setSeen({ id, ids: new Set() });
  useRunsTopic((changed) => {
    const data = queries.getQueryData<InfiniteData<PageOf<RunSummary>>>(key);
    if (!data) return;
    queries.setQueryData(key, patchRuns(data, changed));
    const first = data.pages[0]?.items[0];
    const newest = first ? Date.parse(first.created_at) : 0;
    setSeen((s) => {
      const ids = new Set(s.ids);
      for (const r of changed) {
        if (matches(r, filter) && Date.parse(r.created_at) >= newest) ids.add(r.id);
        else ids.delete(r.id);
      }
      return { id: s.id, ids };
    });
  });
  return seen.ids;
}

function matches(r: RunSummary, f: RunFilter): boolean {
  return (
    (!f.state || f.state.split(',').includes(r.state)) &&
    (!f.job || r.job === f.job) &&
    (!f.trigger || r.trigger === f.trigger)
  );
}

function Filters({ filter }: { filter: RunFilter }) {
  const navigate = useNavigate({ from: '/runs' });
  const set = (part: RunFilter) => void navigate({ search: (old) => ({ ...old, ...part }), replace: true });
  const [job, setJob] = useState(filter.job ?? '');
  const [seen, setSeen] = useState(filter.job);
  if (seen !== filter.job) {
    setSeen(filter.job);
    setJob(filter.job ?? '');
  }
  useEffect(() => {
    if ((filter.job ?? '') === job.trim()) return;
    const timer = setTimeout(
      () => void navigate({ search: (old) => ({ ...old, job: job.trim() || undefined }), replace: true }),
      400,
    );
    return () => clearTimeout(timer);
  }, [job, filter.job, navigate]);
  return (
    <div className={css.row} style={{ marginBottom: 16 }} role="search">
      <TextInput
        type="search"
        aria-label={t('runs.filter_job')}
        placeholder={t('runs.filter_job')}
        value={job}
        onChange={(e) => setJob(e.currentTarget.value)}
        list="jobs"
        style={{ width: 220 }}
      />
      <JobNames text={job.trim()} />
      <div className={css.chips} role="group" aria-label={t('runs.filter_state')}>
        {(Object.keys(groups) as (keyof typeof groups)[]).map((g) => (
          <button
            key={g}
            type="button"
            className={css.chip}
            aria-pressed={filter.state === groups[g]}
            onClick={() => set({ state: filter.state === groups[g] ? undefined : groups[g] })}
          >
            {t(`runs.group.${g}`)}
          </button>
        ))}
      </div>
      <div className={css.chips} role="group" aria-label={t('runs.filter_trigger')}>
        {triggers.slice(0, 2).map((x) => (
          <button
            key={x}
            type="button"
            className={css.chip}
            aria-pressed={filter.trigger === x}
            onClick={() => set({ trigger: filter.trigger === x ? undefined : x })}
          >
            {t(`trigger.${x}`)}
          </button>
        ))}
      </div>
    </div>
  );
}

/** What the browser offers while a name is typed. */
function JobNames({ text }: { text: string }) {
  const { data } = useJobs(text);
  return (
    <datalist id="jobs">
      {data?.pages.flatMap((p) => p.items.map((j) => <option key={j.name} value={j.name} />))}
    </datalist>
  );
}

function None({ filtered, title }: { filtered: boolean; title?: string }) {
  if (!filtered)
    return <Empty title={t('runs.empty')} text={t('runs.empty_text')} command="cronium run JOB -w" />;
  return (
    <Empty
      title={title ?? t('runs.no_match')}
      action={
        <Button variant="default" component={Link} to="/runs">
          {t('action.clear_filters')}
        </Button>
      }
    />
  );
}

export function RunTable({ items, withJob = true }: { items: RunSummary[]; withJob?: boolean }) {
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('col.status')}</th>
            <th scope="col">{withJob ? t('col.job') : t('col.run')}</th>
            <th scope="col">{t('col.trigger')}</th>
            <th scope="col">{t('col.host')}</th>
            <th scope="col" className={css.end}>
              {t('col.duration')}
            </th>
            <th scope="col" className={css.end}>
              {t('col.started', { zone })}
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((r) => (
            <tr key={r.id}>
              <td>
                <Link to="/runs/$id" params={{ id: r.id }}>
                  <Status state={r.state} quiet word={stateWord(r)} />
                </Link>
              </td>
              <td className={css.main} data-start data-second>
                {withJob && (
                  <Link to="/jobs/$name" params={{ name: r.job }}>
                    {r.job}
                  </Link>
                )}{' '}
                <Link
                  to="/runs/$id"
                  params={{ id: r.id }}
                  className={`${css.mono} ${css.muted}`}
                  title={r.id}
                >
                  {shortId(r.id)}
                </Link>
              </td>
              <td data-hide className={css.muted}>
                {t(`trigger.${r.trigger}`)}
                {r.attempt > 1 && ` · ${t('runs.attempt', { n: number(r.attempt) })}`}
              </td>
              <td data-hide className={css.muted}>
                {placeWord(r) || '–'}
              </td>
              <td className={css.end}>
                <Elapsed
                  from={isActive(r.state) ? r.started_at : undefined}
                  ms={isActive(r.state) ? undefined : r.duration_ms}
                />
              </td>
              <td className={`${css.end} ${css.muted}`} data-second>
                <Time at={r.started_at ?? r.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A host or server; before there is one, that it is for; or how many. */
const placeWord = (r: RunSummary) =>
  r.targets ? t('runs.targets', { count: r.targets.total, n: number(r.targets.total) }) : r.host || r.target;

/** What the state alone does not say: the exit code, how many targets, and that a retry is due. */
export function stateWord(r: {
  state: string;
  exit_code?: number;
  attempt: number;
  max_attempts?: number;
  targets?: TargetCounts;
}) {
  if (r.state === 'partial' && r.targets)
    return t('run.partial_of', { n: number(r.targets.succeeded), of: number(r.targets.total) });
  if (r.state === 'running' && r.targets)
    return t('run.running_of', {
      n: number(r.targets.succeeded + r.targets.failed + r.targets.cancelled),
      of: number(r.targets.total),
    });
  if (r.state === 'failed' && r.exit_code !== undefined) return t('run.failed_exit', { code: r.exit_code });
  if (r.state === 'queued' && r.attempt > 0 && r.max_attempts)
    return t('run.retry_waiting', { n: r.attempt + 1, of: r.max_attempts });
  return undefined;
}

/** The end of an id is where runs of one minute differ. */
export const shortId = (id: string) => (id.length > 14 ? `r_…${id.slice(-7)}` : id);
