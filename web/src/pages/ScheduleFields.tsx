import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { asProblem, post } from '../request';
import { t } from '../i18n';
import { fireTime, offset, zone as myZone, zones } from '../time/time';
import type { Preview } from '../types';
import css from '../ui/ui.module.css';
import type { ScheduleDraft } from './draft';
import form from './form.module.css';
import type { FieldErrors } from './JobForm';

export function ScheduleFields(props: {
  index: number;
  value: ScheduleDraft;
  errors: FieldErrors;
  onChange: (part: Partial<ScheduleDraft>) => void;
  onRemove: () => void;
}) {
  const { index, value, errors, onChange } = props;
  const list = useId();
  const path = `spec.schedules.${index}`;
  const preview = usePreview(value);
  const wrong = preview.error ? asProblem(preview.error) : null;
  const cronError =
    errors.at(`${path}.cron`) ??
    (wrong && wrong.field !== 'zone' && wrong.status === 422
      ? [wrong.detail, wrong.hint].filter(Boolean).join(' ')
      : undefined);
  const zoneError =
    errors.at(`${path}.zone`) ??
    (wrong?.field === 'zone' ? [wrong.detail, wrong.hint].filter(Boolean).join(' ') : undefined);
  return (
    <fieldset className={form.box} data-schedule>
      <legend className="vh">{t('schedule.legend', { name: value.name })}</legend>
      <div className={form.pair}>
        <TextInput
          label={t('schedule.when')}
          description={t('schedule.when_help')}
          value={value.cron}
          spellCheck={false}
          data-field={`${path}.cron`}
          error={cronError}
          onChange={(e) => onChange({ cron: e.currentTarget.value })}
          styles={{ input: { fontFamily: 'var(--mono)' } }}
        />
        <TextInput
          label={t('schedule.zone')}
          description={t('schedule.zone_help')}
          value={value.zone}
          list={list}
          spellCheck={false}
          data-field={`${path}.zone`}
          error={zoneError}
          onChange={(e) => onChange({ zone: e.currentTarget.value })}
        />
        <TextInput
          label={t('edit.name')}
          value={value.name}
          spellCheck={false}
          data-field={`${path}.name`}
          error={errors.at(`${path}.name`)}
          onChange={(e) => onChange({ name: e.currentTarget.value })}
        />
        <NativeSelect
          label={t('schedule.overlap')}
          data={(['allow', 'skip'] as const).map((v) => ({ value: v, label: t(`overlap.${v}`) }))}
          value={value.overlap}
          error={errors.at(`${path}.overlap`)}
          onChange={(e) => onChange({ overlap: e.currentTarget.value as ScheduleDraft['overlap'] })}
        />
      </div>
      <datalist id={list}>
        {zones().map((z) => (
          <option key={z} value={z} />
        ))}
      </datalist>
      <PreviewPane zone={value.zone || 'UTC'} preview={preview.data} />
      <details>
        <summary className={css.muted}>{t('schedule.rare')}</summary>
        <div className={form.pair} style={{ marginTop: 8 }}>
          <NativeSelect
            label={t('schedule.gap')}
            data={(['shift', 'skip'] as const).map((v) => ({ value: v, label: t(`gap.${v}`) }))}
            value={value.gap}
            onChange={(e) => onChange({ gap: e.currentTarget.value as ScheduleDraft['gap'] })}
          />
          <NativeSelect
            label={t('schedule.fold')}
            data={(['first', 'second', 'both'] as const).map((v) => ({ value: v, label: t(`fold.${v}`) }))}
            value={value.fold}
            onChange={(e) => onChange({ fold: e.currentTarget.value as ScheduleDraft['fold'] })}
          />
          <NativeSelect
            label={t('schedule.catch_up')}
            data={(['none', 'last', 'all'] as const).map((v) => ({ value: v, label: t(`catch_up.${v}`) }))}
            value={value.catchUp}
            onChange={(e) => onChange({ catchUp: e.currentTarget.value as ScheduleDraft['catchUp'] })}
          />
        </div>
      </details>
      <div className={css.row} style={{ justifyContent: 'space-between' }}>
        <Checkbox
          label={t('schedule.enabled')}
          checked={value.enabled}
          onChange={(e) => onChange({ enabled: e.currentTarget.checked })}
        />
        <button type="button" className={css.copy} onClick={props.onRemove}>
          {t('schedule.remove')}
        </button>
      </div>
    </fieldset>
  );
}

function usePreview(s: ScheduleDraft) {
  const now = { cron: s.cron.trim(), zone: s.zone.trim() || 'UTC', n: 5, gap: s.gap, fold: s.fold };
  const key = JSON.stringify(now);
  const [asked, ask] = useState(key);
  useEffect(() => {
    const timer = setTimeout(() => ask(key), 250);
    return () => clearTimeout(timer);
  }, [key]);
  return useQuery({
    queryKey: ['preview', asked],
    queryFn: () => post<Preview>('/schedules/preview', JSON.parse(asked)),
    staleTime: 30_000,
    retry: false,
    enabled: (JSON.parse(asked) as { cron: string }).cron !== '',
  });
}

/** The next fires in the schedule's zone, and in the reader's when it is another. */
export function PreviewPane({ zone, preview }: { zone: string; preview: Preview | undefined }) {
  if (!preview) return null;
  const both = zone !== myZone;
  return (
    <div className={form.preview} aria-live="polite" data-preview>
      <p className={form.words}>{preview.words}</p>
      {preview.next.length > 0 && (
        <table className={form.fires}>
          <thead>
            <tr>
              <th scope="col">{zone}</th>
              {both && <th scope="col">{t('schedule.my_zone', { zone: myZone })}</th>}
            </tr>
          </thead>
          <tbody>
            {preview.next.map((n) => {
              const at = new Date(n.utc);
              return (
                <tr key={n.utc}>
                  <td>
                    <time dateTime={n.utc}>{local(n.local, at, zone)}</time>
                  </td>
                  {both && (
                    <td className={css.muted}>
                      {fireTime(at)} {offset(at)}
                    </td>
                  )}
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {preview.next.length === 0 && <p className={css.muted}>{t('schedule.never')}</p>}
      {preview.notes.map((note) => (
        <p key={note} className={form.note}>
          {note}
        </p>
      ))}
    </div>
  );
}

/** The hub's own words for the local time, so that an odd zone of this browser cannot disagree. */
function local(text: string, at: Date, zone: string): string {
  try {
    return `${fireTime(at, zone)} ${offset(at, zone)}`;
  } catch {
    return text;
  }
}
