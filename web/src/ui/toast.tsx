import { useSyncExternalStore } from 'react';
import { asProblem } from '../request';
import css from './ui.module.css';

interface Toast {
  id: number;
  text: string;
  tone: 'ok' | 'bad';
}

let toasts: Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: Toast[]) {
  toasts = next;
  for (const l of listeners) l();
}

export function toast(text: string, tone: 'ok' | 'bad' = 'ok') {
  const id = nextId++;
  set([...toasts.slice(-3), { id, text, tone }]);
  setTimeout(() => set(toasts.filter((x) => x.id !== id)), tone === 'bad' ? 10_000 : 4000);
}

export function toastProblem(err: unknown) {
  const p = asProblem(err);
  toast([p.detail || p.title, p.hint].filter(Boolean).join(' '), 'bad');
}

export function Toasts() {
  const all = useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => toasts,
  );
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {all.map((x) => (
        <div key={x.id} className={css.toast} data-tone={x.tone}>
          {x.text}
        </div>
      ))}
    </div>
  );
}
