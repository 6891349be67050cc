import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Fragment, useState } from 'react';
import { t } from '../i18n';
import { useFires, useMay, useSchedules, useSwitch } from '../queries';
import { Time } from '../time/Time';
import { fireTime, full, offset, zone as myZone } from '../time/time';
import type { Fire, Schedule } from '../types';
import { Empty, Loaded, More, Page } from '../ui/Page';
import { Status } from '../ui/Status';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';

export default function Schedules() {
  const query = useSchedules();
  return (
    <Page title={t('nav.schedules')}>
      <Loaded from={query}>
        {({ pages }) => {
          const items = pages.flatMap((p) => p.items);
          if (items.length === 0)
            return (
              <Empty
                title={t('schedules.empty')}
                text={t('schedules.empty_text')}
                command="cronium schedules next"
              />
            );
          return (
            <>
              <ScheduleTable items={items} />
              <More query={query} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

export function ScheduleTable({ items, withJob = true }: { items: Schedule[]; withJob?: boolean }) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{withJob ? t('col.job') : t('edit.name')}</th>
            <th scope="col">{t('col.state')}</th>
            <th scope="col">{t('schedule.when')}</th>
            <th scope="col">{t('schedule.zone')}</th>
            <th scope="col">{t('col.next_in', { zone: myZone })}</th>
            <th scope="col">
              <span className="vh">{t('col.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((s) => (
            <Fragment key={s.id}>
              <Row
                schedule={s}
                withJob={withJob}
                open={open === s.id}
                onOpen={() => setOpen(open === s.id ? null : s.id)}
              />
              {open === s.id && <Ledger schedule={s} />}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({
  schedule: s,
  withJob,
  open,
  onOpen,
}: {
  schedule: Schedule;
  withJob: boolean;
  open: boolean;
  onOpen: () => void;
}) {
  return (
    <tr>
      <td className={css.main}>
        {withJob && (
          <>
            <Link to="/jobs/$name" params={{ name: s.job }}>
              {s.job}
            </Link>{' '}
          </>
        )}
        <span className={withJob ? css.faint : undefined}>{s.name}</span>
      </td>
      <td>
        <Status state={s.enabled ? 'active' : 'paused'} quiet />
      </td>
      <td data-wide>
        {s.words} <code className={`${css.label} ${css.mono}`}>{s.cron}</code>
      </td>
      <td className={css.muted} data-start>
        {s.zone}
      </td>
      <td data-end>{s.enabled && s.next_at ? <Time at={s.next_at} /> : '–'}</td>
      <td className={css.end} data-wide>
        <RowActions schedule={s} open={open} onOpen={onOpen} />
      </td>
    </tr>
  );
}

function RowActions({
  schedule: s,
  open,
  onOpen,
}: {
  schedule: Schedule;
  open: boolean;
  onOpen: () => void;
}) {
  const mayEdit = useMay('editor');
  const flip = useSwitch('schedules');
  const onFlip = () =>
    flip.mutate(
      { id: s.id, on: !s.enabled },
      {
        onSuccess: () =>
          toast(t(s.enabled ? 'schedules.paused' : 'schedules.resumed', { name: `${s.job} / ${s.name}` })),
        onError: toastProblem,
      },
    );
  const name = `${s.job} ${s.name}`;
  return (
    <span className={css.rowActions}>
      {mayEdit && (
        <Button variant="subtle" size="compact-sm" onClick={onFlip} loading={flip.isPending}>
          {t(s.enabled ? 'action.pause' : 'action.resume')}
          <span className="vh"> {name}</span>
        </Button>
      )}
      <Button variant="default" size="compact-sm" aria-expanded={open} onClick={onOpen}>
        {t('schedules.fires')}
        <span className="vh"> {name}</span>
      </Button>
    </span>
  );
}

/** What will fire, and what became of each fire that was due. */
function Ledger({ schedule: s }: { schedule: Schedule }) {
  const fires = useFires(s.id, true);
  return (
    <tr>
      <td colSpan={6} data-wide>
        <div
          className={css.grid2}
          style={{ gridTemplateColumns: 'repeat(auto-fit, minmax(min(280px, 100%), 1fr))', padding: '8px 0' }}
        >
          <section>
            <h2 className={css.cardTitle}>{t('schedules.next', { zone: s.zone })}</h2>
            <Next schedule={s} />
          </section>
          <section>
            <h2 className={css.cardTitle}>{t('schedules.ledger')}</h2>
            <Loaded from={fires} rows={3}>
              {({ items }) =>
                items.length === 0 ? (
                  <p className={css.muted}>{t('schedules.no_fires')}</p>
                ) : (
                  <Fires items={items} />
                )
              }
            </Loaded>
          </section>
        </div>
      </td>
    </tr>
  );
}

function Next({ schedule: s }: { schedule: Schedule }) {
  if (!s.enabled) return <p className={css.muted}>{t('schedules.is_paused')}</p>;
  if (s.next.length === 0) return <p className={css.muted}>{t('schedule.never')}</p>;
  return (
    <ol style={{ listStyle: 'none' }} className="num">
      {s.next.map((n) => {
        const at = new Date(n);
        return (
          <li key={n}>
            <time dateTime={n}>
              {fireTime(at, s.zone)} {offset(at, s.zone)}
            </time>
            {s.zone !== myZone && (
              <span className={css.faint}>
                {' '}
                · {t('schedule.my_zone', { zone: `${fireTime(at)} ${myZone}` })}
              </span>
            )}
          </li>
        );
      })}
    </ol>
  );
}

const shape = { started: 'active', skipped: 'skipped', missed: 'missed' } as const;

function Fires({ items }: { items: Fire[] }) {
  return (
    <ol style={{ listStyle: 'none' }} className={css.stack}>
      {items.map((f) => (
        <li key={f.planned_at} className={css.row} style={{ gap: '2px 12px' }}>
          <Status state={shape[f.outcome]} quiet word={t(`fire.${f.outcome}`)} />
          <time dateTime={f.planned_at} title={full(new Date(f.planned_at))}>
            {fireTime(new Date(f.planned_at))}
          </time>
          {f.run_id && (
            <Link to="/runs/$id" params={{ id: f.run_id }}>
              {t('col.run')}
            </Link>
          )}
          <span className={css.muted}>
            {[f.detail || f.reason, f.occurrences > 1 ? t('fire.occurrences', { count: f.occurrences }) : '']
              .filter(Boolean)
              .join(' · ')}
          </span>
        </li>
      ))}
    </ol>
  );
}
