import { useNavigate } from '@tanstack/react-router';
import type { MouseEvent } from 'react';
import { t } from '../i18n';
import { duration, short } from '../time/time';
import type { StripRun } from '../types';
import { shapeOf, type Family } from './shapes';
import css from './ui.module.css';

const step = 8;
const width = 6;

/** The last runs as marks, oldest at the left: height is the root of the duration, failures are full with a cross. */
export function Strip({ runs, height = 24 }: { runs: StripRun[]; height?: number }) {
  const navigate = useNavigate();
  const list = [...runs].reverse();
  if (list.length === 0) return <span className={css.faint}>{t('strip.none')}</span>;
  const longest = Math.max(1, ...list.map((r) => r.duration_ms ?? 0));
  const at = (e: MouseEvent<SVGSVGElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    return list[Math.floor((e.clientX - box.left) / step)];
  };
  return (
    <svg
      role="img"
      aria-label={summary(runs)}
      width={list.length * step - 2}
      height={height}
      style={{ cursor: 'pointer', display: 'block', maxWidth: '100%' }}
      onClick={(e) => {
        const run = at(e);
        if (run) void navigate({ to: '/runs/$id', params: { id: run.id } });
      }}
      onMouseMove={(e) => {
        const run = at(e);
        if (run) e.currentTarget.querySelector('title')!.textContent = words(run);
      }}
    >
      <title>{summary(runs)}</title>
      {list.map((r, i) => (
        <Bar
          key={r.id}
          run={r}
          x={i * step}
          height={height}
          share={Math.sqrt((r.duration_ms ?? 0) / longest)}
        />
      ))}
    </svg>
  );
}

const colour: Record<Family, string> = {
  ok: 'var(--ok-solid)',
  bad: 'var(--bad-solid)',
  warn: 'var(--warn-solid)',
  run: 'var(--run-solid)',
  idle: 'var(--idle-solid)',
};

function Bar({ run, x, height, share }: { run: StripRun; x: number; height: number; share: number }) {
  const family = shapeOf(run.state).family;
  const fill = colour[family];
  if (family === 'bad') {
    return (
      <g>
        <rect x={x} y={0} width={width} height={height} rx={1.5} fill={fill} />
        <path d={`M${x + 1.3} 2.6l3.4 3.4m0-3.4-3.4 3.4`} stroke="var(--surface)" strokeWidth={1.3} />
      </g>
    );
  }
  const h = Math.max(4, Math.round(share * height));
  if (family === 'idle') {
    const dash = run.state === 'queued' || run.state === 'assigned' ? '2 2' : undefined;
    return (
      <rect
        x={x + 0.5}
        y={height - Math.max(6, h) + 0.5}
        width={width - 1}
        height={Math.max(6, h) - 1}
        rx={1.5}
        fill="none"
        stroke={fill}
        strokeDasharray={dash}
      />
    );
  }
  const bar = <rect x={x} y={height - h} width={width} height={h} rx={1.5} fill={fill} />;
  if (run.state !== 'partial') return bar;
  // Half of it is hatched: the part that did not succeed.
  const top = height - h;
  return (
    <g>
      {bar}
      <path
        d={`M${x} ${top + 3}l${width}-3M${x} ${top + h / 4 + 2}l${width}-3M${x} ${top + h / 2}l${width}-3`}
        stroke="var(--surface)"
        strokeWidth={1}
      />
    </g>
  );
}

function words(r: StripRun): string {
  const took = r.duration_ms === undefined ? '' : ` · ${duration(r.duration_ms)}`;
  return `${t(shapeOf(r.state).word)}${took} · ${short(new Date(r.created_at))}`;
}

function summary(runs: StripRun[]): string {
  const bad = runs.filter((r) => shapeOf(r.state).family === 'bad').length;
  return t('strip.summary', { count: runs.length, bad, last: runs[0] ? words(runs[0]) : '' });
}
