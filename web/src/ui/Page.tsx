import { Button } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { asProblem } from '../request';
import { t } from '../i18n';
import type { ProblemBody } from '../types';
import css from './ui.module.css';

/** The frame of every page: title, status, primary action on the right. */
export function Page(props: {
  title: string;
  crumb?: ReactNode;
  beside?: ReactNode;
  actions?: ReactNode;
  width?: 'form' | 'narrow';
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${props.title} · Cronium`;
  }, [props.title]);
  return (
    <div className={`${css.page} ${props.width ? css[props.width] : ''}`}>
      {props.crumb && (
        <nav aria-label={t('page.crumb')} className={css.crumb}>
          {props.crumb}
        </nav>
      )}
      <header className={css.head} data-region="header">
        <h1 className={css.title}>{props.title}</h1>
        {props.beside}
        {props.actions && <div className={css.actions}>{props.actions}</div>}
      </header>
      {props.children}
    </div>
  );
}

/** Nothing for 150 ms, then rows of the height that will come. */
export function Loading({ rows = 8 }: { rows?: number }) {
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return null;
  return (
    <div className={css.skeleton} role="status">
      <span className="vh">{t('page.loading')}</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={css.bone} style={{ opacity: 1 - i / (rows + 2) }} />
      ))}
    </div>
  );
}

export function Empty(props: { title: string; text?: string; action?: ReactNode; command?: string }) {
  return (
    <div className={css.empty}>
      <h2>{props.title}</h2>
      {props.text && <p>{props.text}</p>}
      {props.action}
      {props.command && <Command text={props.command} />}
    </div>
  );
}

export function Note(props: {
  tone?: 'bad' | 'warn' | 'idle';
  title: ReactNode;
  children?: ReactNode;
  live?: boolean;
}) {
  return (
    <div className={css.problem} data-tone={props.tone ?? 'bad'} role={props.live ? 'alert' : undefined}>
      <div className={css.problemBody}>
        <div className={css.problemTitle}>{props.title}</div>
        {props.children}
      </div>
    </div>
  );
}

/** What failed, what to do, the request id, and another try. */
export function ProblemPanel({ error, retry }: { error: unknown; retry?: () => void }) {
  const p = asProblem(error);
  return (
    <Note title={p.title} live>
      {p.detail && p.detail !== p.title && <p>{p.detail}</p>}
      {p.hint && <p className={css.muted}>{p.hint}</p>}
      <div className={css.row} style={{ marginTop: 8 }}>
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            {t('action.retry')}
          </Button>
        )}
        <Copy text={details(p)} label={t('page.copy_details')} />
        <span className={css.faint}>
          {p.code}
          {p.request_id ? ` · ${t('page.request', { id: p.request_id })}` : ''}
        </span>
      </div>
    </Note>
  );
}

function details(p: ProblemBody): string {
  return JSON.stringify({ ...p, page: location.href }, null, 2);
}

interface Loadable<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** Shows a query: skeleton, then data; an error stands above old data and never replaces it. */
export function Loaded<T>({
  from,
  rows,
  children,
}: {
  from: Loadable<T>;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  const retry = () => void from.refetch();
  if (from.data === undefined) {
    return from.error ? <ProblemPanel error={from.error} retry={retry} /> : <Loading rows={rows} />;
  }
  return (
    <>
      {from.error ? <ProblemPanel error={from.error} retry={retry} /> : null}
      {children(from.data)}
    </>
  );
}

/** Copies text; works on plain HTTP too, where the clipboard API is absent. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const [copied, set] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => set(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" className={css.copy} onClick={() => void copyText(text).then(set)}>
      <span aria-live="polite">{copied ? t('action.copied') : (label ?? t('action.copy'))}</span>
    </button>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <div className={css.command}>
      <code>{text}</code>
      <Copy text={text} />
    </div>
  );
}

export function Labels({ of }: { of: Record<string, string> | undefined }) {
  const all = Object.entries(of ?? {});
  if (all.length === 0) return null;
  return (
    <span className={css.labels}>
      {all.map(([k, v]) => (
        <span key={k} className={css.label}>
          {k}={v}
        </span>
      ))}
    </span>
  );
}

export function More({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className={css.centre} style={{ marginTop: 12 }}>
      <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {t('action.more')}
      </Button>
    </div>
  );
}
