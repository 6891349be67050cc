// Shapes: one for each thing that can become of a run, and for what hosts and servers are; they stay apart at 12 px and without colour.
import type { Word } from '../i18n';

export type Family = 'ok' | 'bad' | 'warn' | 'run' | 'idle';

export interface Shape {
  family: Family;
  word: Word;
  /** Strokes in a 16 × 16 box. */
  d: string;
  ring?: 'whole' | 'dotted' | 'arc';
}

const shapes = {
  queued: { family: 'idle', word: 'state.queued', d: '', ring: 'dotted' },
  assigned: { family: 'idle', word: 'state.assigned', d: 'M8 5v3l2 1.5', ring: 'dotted' },
  waiting: {
    family: 'idle',
    word: 'state.waiting',
    d: 'M4.5 2.5h7M4.5 13.5h7M5 2.5c0 3 3 4 3 5.5s-3 2.5-3 5.5M11 2.5c0 3-3 4-3 5.5s3 2.5 3 5.5',
  },
  running: { family: 'run', word: 'state.running', d: '', ring: 'arc' },
  unknown: { family: 'warn', word: 'state.unknown', d: 'M8 4.5v4M8 11v.4', ring: 'dotted' },
  retrying: { family: 'warn', word: 'state.retrying', d: 'M13 8A5 5 0 1 1 11 4M11 1.5V4.4H8' },
  succeeded: { family: 'ok', word: 'state.succeeded', d: 'M5.2 8.2 7.2 10.2 10.8 6.2', ring: 'whole' },
  partial: { family: 'warn', word: 'state.partial', d: 'M8 4.5v4M8 11v.4', ring: 'whole' },
  failed: { family: 'bad', word: 'state.failed', d: 'M5.9 5.9l4.2 4.2M10.1 5.9 5.9 10.1', ring: 'whole' },
  timed_out: { family: 'bad', word: 'state.timed_out', d: 'M8 4.6V8l2.2 1.4', ring: 'whole' },
  lost: {
    family: 'bad',
    word: 'state.lost',
    d: 'M6.3 6.4a1.75 1.75 0 1 1 2.4 1.6c-.5.2-.7.5-.7 1M8 11v.3',
    ring: 'whole',
  },
  cancelled: { family: 'idle', word: 'state.cancelled', d: 'M4.1 11.9 11.9 4.1', ring: 'whole' },
  skipped: {
    family: 'idle',
    word: 'state.skipped',
    d: 'M5 5.6 7.4 8 5 10.4M8.6 5.6 11 8l-2.4 2.4',
    ring: 'whole',
  },
  missed: { family: 'warn', word: 'state.missed', d: 'M4.6 8.4 7 10.8l2-2.3M10.6 6.6l1-1.2M8 14.2v.2' },
  paused: { family: 'idle', word: 'state.paused', d: 'M6 4v8M10 4v8' },
  online: { family: 'ok', word: 'state.online', d: 'M5.2 8.2 7.2 10.2 10.8 6.2', ring: 'whole' },
  draining: { family: 'warn', word: 'state.draining', d: 'M6 5.5v5M10 5.5v5', ring: 'whole' },
  offline: { family: 'bad', word: 'state.offline', d: 'M5.9 5.9l4.2 4.2M10.1 5.9 5.9 10.1', ring: 'dotted' },
  reachable: { family: 'ok', word: 'state.reachable', d: 'M5.2 8.2 7.2 10.2 10.8 6.2', ring: 'whole' },
  unreachable: {
    family: 'bad',
    word: 'state.unreachable',
    d: 'M5.9 5.9l4.2 4.2M10.1 5.9 5.9 10.1',
    ring: 'dotted',
  },
  untested: { family: 'idle', word: 'state.untested', d: 'M8 4.5v4M8 11v.4', ring: 'dotted' },
  key_mismatch: { family: 'bad', word: 'state.key_mismatch', d: 'M8 4.6v4M8 11v.4', ring: 'whole' },
  auth_failed: { family: 'bad', word: 'state.auth_failed', d: 'M5.2 8h5.6', ring: 'whole' },
  revoked: { family: 'idle', word: 'state.revoked', d: 'M4.1 11.9 11.9 4.1', ring: 'whole' },
  archived: { family: 'idle', word: 'state.archived', d: 'M3.5 5.5h9v7h-9zM2.5 3h11v2.5h-11zM6.5 8.5h3' },
  active: { family: 'ok', word: 'state.active', d: 'M5.2 8.2 7.2 10.2 10.8 6.2', ring: 'whole' },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;

export function shapeOf(state: string): Shape {
  return (shapes as Record<string, Shape>)[state] ?? shapes.queued;
}

const active = new Set(['queued', 'assigned', 'running', 'unknown']);
export const isActive = (state: string) => active.has(state);
export const isBad = (state: string) => shapeOf(state).family === 'bad';
