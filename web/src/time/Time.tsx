import { useSyncExternalStore } from 'react';
import { hubSkew } from '../request';
import { duration, full, relative, short, zone } from './time';

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

// One timer drives every relative time on the page.
function watch(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const l of listeners) l();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** This second, by the hub's clock when ours is off by more than five seconds. */
function hubNow(ms: number) {
  return Math.abs(hubSkew()) > 5000 ? ms + hubSkew() : ms;
}

export function Time({ at, absolute = false }: { at: string | undefined; absolute?: boolean }) {
  const text = useSyncExternalStore(watch, () => {
    if (!at) return '';
    const date = new Date(at);
    const current = new Date(hubNow(now));
    return (
      (absolute ? null : relative(date, current)) ?? `${short(date, current)}${absolute ? ` ${zone}` : ''}`
    );
  });
  if (!at) return <span>–</span>;
  return (
    <time dateTime={at} title={full(new Date(at))}>
      {text}
    </time>
  );
}

/** A duration that grows while the thing lasts. */
export function Elapsed({ from, ms }: { from?: string; ms?: number }) {
  const text = useSyncExternalStore(watch, () => {
    if (ms !== undefined) return duration(ms);
    if (!from) return '–';
    return duration(Math.floor(Math.max(0, hubNow(now) - Date.parse(from)) / 1000) * 1000);
  });
  return <span className="num">{text}</span>;
}
