import type { KeyboardEvent } from 'react';
import css from './ui.module.css';

/** Tabs of a page; arrows move between them. */
export function Tabs(props: {
  label: string;
  value: string;
  options: { value: string; label: string }[];
  onChange: (value: string) => void;
}) {
  const onKey = (e: KeyboardEvent<HTMLDivElement>) => {
    const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const now = props.options.findIndex((o) => o.value === props.value);
    const next = props.options[(now + by + props.options.length) % props.options.length];
    if (!next) return;
    props.onChange(next.value);
    e.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.value}"]`)?.focus();
  };
  const known = props.options.some((o) => o.value === props.value);
  return (
    <div className={css.tabs} role="tablist" aria-label={props.label} onKeyDown={onKey}>
      {props.options.map((o, i) => {
        const selected = known ? o.value === props.value : i === 0;
        return (
          <button
            key={o.value}
            type="button"
            role="tab"
            data-tab={o.value}
            aria-selected={selected}
            tabIndex={selected ? 0 : -1}
            className={css.tab}
            onClick={() => props.onChange(o.value)}
          >
            {o.label}
          </button>
        );
      })}
    </div>
  );
}
