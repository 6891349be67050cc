import { Button, TextInput } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { t } from '../i18n';
import { useJobs, useMay, useRunsTopic, useSwitch } from '../queries';
import { Time } from '../time/Time';
import type { JobSummary } from '../types';
import { Empty, Labels, Loaded, More, Page } from '../ui/Page';
import { Status } from '../ui/Status';
import { Strip } from '../ui/Strip';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { RunButton } from './RunButton';

export default function Jobs() {
  const { q = '' } = useSearch({ from: '/shell/jobs' });
  const query = useJobs(q);
  const queries = useQueryClient();
  const mayEdit = useMay('editor');
  const soon = useRef<ReturnType<typeof setTimeout>>(undefined);
  // Strips follow the runs, at most once in two seconds.
  useRunsTopic(() => {
    soon.current ??= setTimeout(() => {
      soon.current = undefined;
      void queries.invalidateQueries({ queryKey: ['jobs'] });
    }, 2000);
  });
  useEffect(() => () => clearTimeout(soon.current), []);
  const newJob = mayEdit && (
    <Button component={Link} to="/jobs/new">
      {t('jobs.new')}
    </Button>
  );
  return (
    <Page title={t('nav.jobs')} actions={newJob}>
      <SearchBox q={q} />
      <Loaded from={query}>
        {({ pages }) => {
          const items = pages.flatMap((p) => p.items);
          if (items.length === 0)
            return q ? (
              <NoMatch q={q} />
            ) : (
              <Empty
                title={t('jobs.empty')}
                text={t('jobs.empty_text')}
                action={newJob}
                command="cronium apply -f examples/"
              />
            );
          return (
            <>
              <Table items={items} />
              <More query={query} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function SearchBox({ q }: { q: string }) {
  const navigate = useNavigate({ from: '/jobs' });
  const [text, setText] = useState(q);
  const box = useRef<HTMLInputElement>(null);
  const [seen, setSeen] = useState(q);
  if (seen !== q) {
    // Back and links change the URL under the box.
    setSeen(q);
    if (text.trim() !== q) setText(q);
  }
  useEffect(() => {
    if (text.trim() === q) return;
    const timer = setTimeout(
      () => void navigate({ search: { q: text.trim() || undefined }, replace: true }),
      200,
    );
    return () => clearTimeout(timer);
  }, [text, q, navigate]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (
        e.key !== '/' ||
        e.ctrlKey ||
        e.metaKey ||
        e.altKey ||
        (e.target as HTMLElement).closest('input,textarea,select')
      )
        return;
      e.preventDefault();
      box.current?.focus();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return (
    <TextInput
      ref={box}
      type="search"
      aria-label={t('jobs.search')}
      placeholder={t('jobs.search')}
      value={text}
      onChange={(e) => setText(e.currentTarget.value)}
      style={{ maxWidth: 320, marginBottom: 16 }}
    />
  );
}

function NoMatch({ q }: { q: string }) {
  return (
    <Empty
      title={t('jobs.no_match', { q })}
      action={
        <Button variant="default" component={Link} to="/jobs">
          {t('action.clear_filters')}
        </Button>
      }
    />
  );
}

function Table({ items }: { items: JobSummary[] }) {
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('col.job')}</th>
            <th scope="col">{t('col.last_run')}</th>
            <th scope="col">{t('col.last_runs')}</th>
            <th scope="col">{t('col.schedule')}</th>
            <th scope="col">{t('col.next')}</th>
            <th scope="col">
              <span className="vh">{t('col.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((j) => (
            <Row key={j.name} job={j} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ job }: { job: JobSummary }) {
  const last = job.last_runs[0];
  const next = job.schedules
    .filter((s) => s.enabled && s.next_at)
    .map((s) => s.next_at as string)
    .sort()[0];
  const paused = job.state === 'paused';
  return (
    <tr>
      <td className={css.main}>
        <Link to="/jobs/$name" params={{ name: job.name }}>
          {job.name}
        </Link>{' '}
        <span className={css.faint}>{t(`lang.${job.language}`)}</span> <Labels of={job.labels} />
      </td>
      <td>
        {last ? (
          <Link to="/runs/$id" params={{ id: last.id }}>
            <Status state={last.state} quiet />
          </Link>
        ) : (
          <span className={css.faint}>{t('jobs.never_ran')}</span>
        )}
      </td>
      <td data-hide>
        <Strip runs={job.last_runs} />
      </td>
      <td data-start className={css.muted}>
        {paused ? (
          <Status state="paused" quiet />
        ) : (
          job.schedules.map((s) => (
            <div key={s.id}>{s.enabled ? s.words : t('jobs.schedule_paused', { words: s.words })}</div>
          ))
        )}
        {!paused && job.schedules.length === 0 && <span className={css.faint}>{t('jobs.no_schedule')}</span>}
        {!paused && next && (
          <div className={css.phone}>
            <Time at={next} />
          </div>
        )}
      </td>
      <td data-hide className={`${css.muted} num`}>
        {paused || !next ? '–' : <Time at={next} />}
      </td>
      <td className={css.end}>
        <Actions job={job} paused={paused} />
      </td>
    </tr>
  );
}

function Actions({ job, paused }: { job: JobSummary; paused: boolean }) {
  const mayRun = useMay('operator');
  const mayEdit = useMay('editor');
  const pause = useSwitch('jobs');
  const flip = () =>
    pause.mutate(
      { id: job.name, on: paused },
      {
        onSuccess: () => toast(t(paused ? 'jobs.resumed' : 'jobs.paused', { name: job.name })),
        onError: toastProblem,
      },
    );
  return (
    <span className={css.rowActions}>
      {mayEdit && (job.schedules.length > 0 || paused) && (
        <Button variant="subtle" size="compact-sm" onClick={flip} loading={pause.isPending}>
          {t(paused ? 'action.resume' : 'action.pause')}
          <span className="vh"> {job.name}</span>
        </Button>
      )}
      {mayRun && <RunButton job={job.name} compact />}
    </span>
  );
}
