export const runStates = [
  'queued',
  'assigned',
  'running',
  'unknown',
  'succeeded',
  'partial',
  'failed',
  'timed_out',
  'cancelled',
  'lost',
  'skipped',
] as const;

export const isRunState = (s: string): boolean => (runStates as readonly string[]).includes(s);
