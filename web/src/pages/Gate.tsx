import type { ReactNode } from 'react';
import css from '../ui/shell.module.css';
import { Logo } from '../ui/Shell';

export { css };

/** The frame of pages before one is signed in. */
export function Gate({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  document.title = `${title} · Cronium`;
  return (
    <main className={css.gate}>
      <div className={css.gateCard}>
        <div className={css.brand} style={{ padding: '0 0 16px' }}>
          <Logo /> Cronium
        </div>
        <h1>{title}</h1>
        {text && <p style={{ color: 'var(--text-2)' }}>{text}</p>}
        {children}
      </div>
    </main>
  );
}
