import { expect, test } from 'vitest';
import type { Job } from '../types';
import { blank, fromJob, toDefinition } from './draft';

const job = (spec: Partial<Job['spec']>): Job => ({
  name: 'x',
  labels: {},
  state: 'active',
  version: 1,
  spec: { script: { language: 'bash', source: 'true' }, ...spec },
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  updated_by: '',
  schedules: [],
});

test('where a job runs comes back from the form as it was', () => {
  for (const spec of [
    {},
    { target: { labels: { role: 'web' } } },
    { target: { server: 'db-1' } },
    {
      target: { labels: { role: 'web' } },
      fan_out: { max_parallel: '25%', max_failures: '0', start_within: '5m' },
    },
    { fan_out: { max_parallel: '100%', start_within: '10m' } },
    { target: { servers: ['db-2', 'db-1'] }, fan_out: { max_parallel: '1', start_within: '10m' } },
  ] satisfies Partial<Job['spec']>[]) {
    const { target, fan_out } = JSON.parse(
      JSON.stringify(toDefinition(fromJob(job(spec))).spec),
    ) as Job['spec'];
    expect({ target, fan_out }).toEqual({ target: spec.target, fan_out: spec.fan_out });
  }
});

test('a job that fanned out and now runs on one server no longer does', () => {
  const draft = { ...blank(), all: true, maxParallel: '1', server: 'db-1' };
  expect(toDefinition(draft).spec).toMatchObject({ target: { server: 'db-1' }, fan_out: undefined });
});
