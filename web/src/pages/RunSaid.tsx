import { t } from '../i18n';
import { size } from '../log/size';
import { useRunOutput } from '../queries';
import { Time } from '../time/Time';
import type { Run } from '../types';
import { indented } from '../ui/json';
import { Copy, Loaded } from '../ui/Page';
import { isActive } from '../ui/shapes';
import ui from '../ui/ui.module.css';
import css from './run.module.css';

/** How far a running script says it has come. */
export function Progress({ run }: { run: Run }) {
  const p = run.progress;
  if (!p || !isActive(run.state)) return null;
  const percent = p.fraction === undefined ? undefined : Math.round(p.fraction * 100);
  return (
    <div className={css.progress}>
      <div
        role="progressbar"
        aria-label={t('run.progress')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={
          [percent === undefined ? '' : `${percent} %`, p.text].filter(Boolean).join(' ') || undefined
        }
        className={css.bar}
        data-unknown={percent === undefined || undefined}
      >
        <div style={{ width: percent === undefined ? '100%' : `${percent}%` }} />
      </div>
      <span className={css.progressText}>
        {percent !== undefined && <b>{percent} %</b>} {p.text}
      </span>
    </div>
  );
}

/** The JSON that the script has set, and its condition. */
export function Output({ run }: { run: Run }) {
  return (
    <div className={ui.stack}>
      {run.condition !== undefined && (
        <p>
          {t('run.condition')}: <b>{t(run.condition ? 'run.condition_true' : 'run.condition_false')}</b>
        </p>
      )}
      {run.output_bytes === 0 ? <p className={ui.muted}>{t('run.no_output')}</p> : <Json run={run} />}
    </div>
  );
}

function Json({ run }: { run: Run }) {
  const query = useRunOutput(run.id, run.output_at ?? '');
  return (
    <Loaded from={query} rows={4}>
      {(text) => (
        <section aria-label={t('run.output')} className={ui.card}>
          <div className={ui.row} style={{ marginBottom: 8 }}>
            <span className={ui.faint}>
              {size(run.output_bytes)}
              {run.output_at && (
                <>
                  {' · '}
                  <Time at={run.output_at} />
                </>
              )}
            </span>
            <Copy text={text} />
          </div>
          <pre className={css.output} tabIndex={0}>
            {indented(text)}
          </pre>
        </section>
      )}
    </Loaded>
  );
}
