// The targets of a run that fans out: what has become of each, and the way to its own run.
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { number, t } from '../i18n';
import { useProject } from '../queries';
import { at, get, query } from '../request';
import { Elapsed } from '../time/Time';
import type { Page as PageOf, Run, RunSummary, TargetCounts } from '../types';
import { Loaded, More } from '../ui/Page';
import { isActive } from '../ui/shapes';
import { Status } from '../ui/Status';
import css from '../ui/ui.module.css';
import { stateWord } from './Runs';

export function Targets({ run, counts }: { run: Run; counts: TargetCounts }) {
  const project = useProject();
  const targets = useInfiniteQuery({
    // The run tells when the counts change; the list is read anew then.
    queryKey: ['targets', project, run.id, JSON.stringify(counts)],
    queryFn: ({ pageParam, signal }) =>
      get<PageOf<RunSummary>>(
        at('projects', project, 'runs') + query({ parent: run.id, limit: 100, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: isActive(run.state) ? 5000 : false,
  });
  return (
    <section aria-label={t('run.targets')} style={{ marginBottom: 16 }}>
      <p className={css.muted} style={{ marginBottom: 8 }} role="status">
        {countsText(counts)}
      </p>
      <Loaded from={targets}>
        {({ pages }) => (
          <>
            <Table items={pages.flatMap((p) => p.items)} />
            <More query={targets} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Table({ items }: { items: RunSummary[] }) {
  return (
    <div className={css.tableWrap} style={{ maxHeight: 320, overflowY: 'auto' }} tabIndex={0}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('col.target')}</th>
            <th scope="col">{t('col.status')}</th>
            <th scope="col">{t('col.detail')}</th>
            <th scope="col" className={css.end}>
              {t('col.duration')}
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((r) => (
            <tr key={r.id}>
              <td className={css.main} data-start>
                <Link to="/runs/$id" params={{ id: r.id }}>
                  {r.target}
                </Link>
              </td>
              <td>
                <Status state={r.state} quiet word={stateWord(r)} />
              </td>
              <td data-wide className={css.muted}>
                {r.outcome?.detail ?? r.reason?.detail}
              </td>
              <td className={css.end}>
                <Elapsed
                  from={isActive(r.state) ? r.started_at : undefined}
                  ms={isActive(r.state) ? undefined : r.duration_ms}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function countsText(c: TargetCounts): string {
  const parts = (['succeeded', 'failed', 'cancelled', 'running', 'queued'] as const)
    .filter((k) => c[k] > 0)
    .map((k) => t(`targets.${k}`, { n: number(c[k]) }));
  return t('targets.counts', { count: c.total, total: number(c.total), parts: parts.join(', ') });
}
