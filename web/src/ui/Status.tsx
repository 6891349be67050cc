import { t } from '../i18n';
import { shapeOf } from './shapes';
import css from './ui.module.css';

/** A state as shape, word and colour. In lists success is quiet: only what needs a person is coloured. */
export function Status({ state, quiet = false, word }: { state: string; quiet?: boolean; word?: string }) {
  const s = shapeOf(state);
  const loud = !quiet || s.family === 'bad' || s.family === 'warn' || s.family === 'run';
  return (
    <span className={css.status} data-family={s.family} data-state={state} data-loud={loud || undefined}>
      <Mark state={state} />
      <span className={css.word}>{word ?? t(s.word)}</span>
    </span>
  );
}

export function Mark({ state, size = 16 }: { state: string; size?: number }) {
  const s = shapeOf(state);
  return (
    <svg
      className={css.mark}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      data-family={s.family}
    >
      {s.ring === 'whole' && <circle cx="8" cy="8" r="6.6" />}
      {s.ring === 'dotted' && <circle cx="8" cy="8" r="6" strokeDasharray="2.1 2.6" />}
      {s.ring === 'arc' && <path className={css.turning} d="M2 8a6 6 0 0 0 12 0" />}
      {s.d && <path d={s.d} />}
    </svg>
  );
}
