// What the job form holds, how it becomes a definition, and where unsaved work is kept.
import type { Definition, Input, InputType, InputValue, Job, Language, ScheduleDefinition } from '../types';
import { blankRequest, fromRequest, toRequest, type HTTPDraft } from './http';

type Container = NonNullable<Job['spec']['container']>;
type Retries = NonNullable<Job['spec']['retries']>;

export interface InputDraft {
  name: string;
  type: InputType;
  value: string;
  required: boolean;
  secret: boolean;
  description: string;
  /** What the form has no field for, kept as it was. */
  rest?: Omit<Input, 'type' | 'default' | 'required' | 'secret' | 'description'>;
}

export interface PairDraft {
  key: string;
  value: string;
}

export interface ScheduleDraft {
  name: string;
  cron: string;
  zone: string;
  gap: NonNullable<ScheduleDefinition['gap']>;
  fold: NonNullable<ScheduleDefinition['fold']>;
  overlap: NonNullable<ScheduleDefinition['overlap']>;
  catchUp: NonNullable<ScheduleDefinition['catch_up']>;
  enabled: boolean;
  inputs?: ScheduleDefinition['inputs'];
}

export interface JobDraft {
  name: string;
  /** http: the job is a request and has no script. */
  language: Language | 'http';
  source: string;
  http: HTTPDraft;
  inputs: InputDraft[];
  target: PairDraft[];
  /** Name of a server to run on; empty: hosts by their labels. */
  server: string;
  /** Names of servers, on all of which it runs; null: not on several servers. */
  servers: string[] | null;
  /** On all hosts that have the labels, not on one. */
  all: boolean;
  maxParallel: string;
  maxFailures: string;
  startWithin: string;
  labels: PairDraft[];
  env: PairDraft[];
  /** Names of secrets that the script may read. */
  secrets: string[];
  /** Packages that the host installs, one a line. */
  dependencies: string;
  timeout: string;
  retries: string;
  backoff: NonNullable<Retries['backoff']>;
  /** Which outcomes are retried; the form has no field for it. */
  retryOn?: Retries['on'];
  delay: string;
  /** Else it is a process of the host. */
  contained: boolean;
  /** Empty: the host's image for the language. */
  image: string;
  /** Names of the host's mounts; the form has no field for them. */
  mounts?: Container['mounts'];
  pull: NonNullable<Container['pull']>;
  network: string;
  memory: string;
  cpus: string;
  processes: string;
  fileSize: string;
  workspace: string;
  schedules: ScheduleDraft[];
}

export const starters: Record<Language, string> = {
  bash: '#!/usr/bin/env bash\nset -euo pipefail\n\necho "Hello from $(hostname)"\n',
  python: 'import platform\n\nprint(f"Hello from {platform.node()}")\n',
  node: "import os from 'node:os';\n\nconsole.log(`Hello from ${os.hostname()}`);\n",
};

const noContainer = {
  contained: false,
  image: '',
  pull: 'missing' as const,
  network: 'bridge',
};
const noLimits = { memory: '', cpus: '', processes: '', fileSize: '', workspace: '' };

export function blank(): JobDraft {
  return {
    name: '',
    language: 'bash',
    source: starters.bash,
    http: blankRequest(),
    inputs: [],
    target: [],
    server: '',
    servers: null,
    all: false,
    maxParallel: '',
    maxFailures: '',
    startWithin: '',
    labels: [],
    env: [],
    secrets: [],
    dependencies: '',
    timeout: '',
    retries: '',
    backoff: 'exponential',
    delay: '',
    ...noContainer,
    ...noLimits,
    schedules: [],
  };
}

export function newSchedule(n: number, zone: string): ScheduleDraft {
  return {
    name: n === 0 ? 'main' : `schedule-${n + 1}`,
    cron: '0 9 * * *',
    zone,
    gap: 'shift',
    fold: 'first',
    overlap: 'allow',
    catchUp: 'none',
    enabled: true,
  };
}

const numberText = (n: number | undefined) => (n ? String(n) : '');

const pairs = (of: Record<string, string> | undefined): PairDraft[] =>
  Object.entries(of ?? {}).map(([key, value]) => ({ key, value }));

export function fromJob(job: Job): JobDraft {
  const { spec } = job;
  return {
    name: job.name,
    language: spec.script?.language ?? 'http',
    source: spec.script?.source ?? starters.bash,
    http: spec.http ? fromRequest(spec.http) : blankRequest(),
    inputs: Object.entries(spec.inputs ?? {}).map(
      ([name, { type, default: value, required, secret, description, ...rest }]) => ({
        name,
        type,
        value: value === undefined || value === null ? '' : String(value),
        required: required ?? false,
        secret: secret ?? false,
        description: description ?? '',
        rest,
      }),
    ),
    target: pairs(spec.target?.labels),
    server: spec.target?.server ?? '',
    servers: spec.target?.servers ?? null,
    all: spec.fan_out !== undefined && !spec.target?.servers,
    maxParallel: spec.fan_out?.max_parallel ?? '',
    maxFailures: spec.fan_out?.max_failures ?? '',
    startWithin: spec.fan_out?.start_within ?? '',
    labels: pairs(job.labels),
    env: pairs(spec.env),
    secrets: spec.secrets ?? [],
    dependencies: (spec.dependencies ?? []).join('\n'),
    timeout: spec.timeout ?? '',
    retries: spec.retries ? String(spec.retries.max) : '',
    backoff: spec.retries?.backoff ?? 'exponential',
    retryOn: spec.retries?.on,
    delay: spec.retries?.delay ?? '',
    contained: spec.container !== undefined,
    image: spec.container?.image ?? '',
    mounts: spec.container?.mounts,
    pull: spec.container?.pull ?? 'missing',
    network: spec.container?.network ?? 'bridge',
    memory: spec.limits?.memory ?? '',
    cpus: numberText(spec.limits?.cpus),
    processes: numberText(spec.limits?.processes),
    fileSize: spec.limits?.file_size ?? '',
    workspace: spec.limits?.workspace ?? '',
    schedules: job.schedules.map((s) => ({
      name: s.name,
      cron: s.cron,
      zone: s.zone,
      gap: s.gap,
      fold: s.fold,
      overlap: s.overlap,
      catchUp: s.catch_up,
      enabled: s.enabled,
      inputs: s.inputs,
    })),
  };
}

function defaultOf(i: InputDraft): InputValue | undefined {
  if (i.value === '') return undefined;
  if (i.type === 'boolean') return i.value === 'true';
  if (i.type === 'string') return i.value;
  const n = Number(i.value);
  return Number.isFinite(n) ? n : i.value; // the hub names the field
}

function record(list: PairDraft[]): Record<string, string> | undefined {
  const out = Object.fromEntries(list.filter((p) => p.key.trim() !== '').map((p) => [p.key.trim(), p.value]));
  return Object.keys(out).length > 0 ? out : undefined;
}

function names(list: string[]): string[] | undefined {
  const out = list.map((n) => n.trim()).filter((n) => n !== '');
  return out.length > 0 ? out : undefined;
}

/** Only processes of hosts have packages, of the languages that have some. */
export const hasDependencies = (d: JobDraft): boolean =>
  (d.language === 'python' || d.language === 'node') && !d.contained && d.server === '' && !d.servers;

const text = (v: string) => (v.trim() === '' ? undefined : v.trim());
/** What is no number becomes one that the hub refuses, naming the field. */
const amount = (v: string) => (v.trim() === '' ? undefined : Number.isNaN(Number(v)) ? -1 : Number(v));

function containerOf(d: JobDraft): Definition['spec']['container'] {
  if (!d.contained || d.language === 'http' || d.server !== '' || d.servers) return undefined;
  return { image: text(d.image), pull: d.pull, network: text(d.network), mounts: d.mounts };
}

function limitsOf(d: JobDraft): Definition['spec']['limits'] {
  const limits = {
    memory: text(d.memory),
    cpus: amount(d.cpus),
    processes: amount(d.processes),
    file_size: text(d.fileSize),
    workspace: text(d.workspace),
  };
  return Object.values(limits).some((v) => v !== undefined) ? limits : undefined;
}

function targetOf(d: JobDraft): Definition['spec']['target'] {
  if (d.servers) return { servers: d.servers };
  if (d.server !== '') return { server: d.server };
  const labels = record(d.target);
  return labels && { labels };
}

/** On many targets: several servers, or all hosts that fit. */
export const isMany = (d: JobDraft) => d.servers !== null || (d.all && d.server === '');

function fanOutOf(d: JobDraft): Definition['spec']['fan_out'] {
  if (!isMany(d)) return undefined;
  return {
    max_parallel: text(d.maxParallel),
    max_failures: text(d.maxFailures),
    start_within: text(d.startWithin),
  };
}

export function toDefinition(d: JobDraft): Definition {
  const inputs: Record<string, Input> = {};
  for (const i of d.inputs) {
    if (i.name.trim() === '') continue;
    inputs[i.name.trim()] = {
      ...i.rest,
      type: i.type,
      default: defaultOf(i),
      required: i.required || undefined,
      secret: i.secret || undefined,
      description: i.description || undefined,
    };
  }
  const max = Number(d.retries);
  return {
    apiVersion: 'cronium/v1',
    kind: 'Job',
    metadata: { name: d.name.trim(), labels: record(d.labels) },
    spec: {
      ...(d.language === 'http'
        ? { http: toRequest(d.http) }
        : { script: { language: d.language, source: d.source } }),
      inputs: Object.keys(inputs).length > 0 ? inputs : undefined,
      target: targetOf(d),
      fan_out: fanOutOf(d),
      timeout: text(d.timeout),
      retries:
        d.retries.trim() !== '' && max !== 0
          ? { max, backoff: d.backoff, delay: text(d.delay), on: d.retryOn }
          : undefined,
      env: record(d.env),
      secrets: names(d.secrets),
      dependencies: hasDependencies(d) ? names(d.dependencies.split('\n')) : undefined,
      container: containerOf(d),
      limits: limitsOf(d),
      schedules: d.schedules.map((s) => ({
        name: s.name.trim(),
        cron: s.cron.trim(),
        zone: text(s.zone),
        gap: s.gap,
        fold: s.fold,
        overlap: s.overlap,
        catch_up: s.catchUp,
        enabled: s.enabled,
        inputs: s.inputs && Object.keys(s.inputs).length > 0 ? s.inputs : undefined,
      })),
    },
  };
}

/** What the job does as one text: its script, or its request. */
export const workText = (spec: Pick<Job['spec'], 'script' | 'http'>): string =>
  spec.script?.source ?? JSON.stringify(spec.http, null, 2);

/** Paths of the hub's problems as one form: "spec.schedules.0.cron". */
export function fieldPath(field: string | undefined): string {
  return (field ?? '')
    .replace(/^\//, '')
    .replace(/\//g, '.')
    .replace(/\[(\w+)\]/g, '.$1')
    .replace(/^body\./, '');
}

interface Kept {
  at: number;
  version: number;
  draft: JobDraft;
}

const keyOf = (job: string) => `cronium.draft.${job || '(new)'}`;
const keepFor = 30 * 24 * 3600 * 1000;

export function keepDraft(job: string, version: number, draft: JobDraft): number {
  const at = Date.now();
  try {
    localStorage.setItem(keyOf(job), JSON.stringify({ at, version, draft } satisfies Kept));
  } catch {
    return 0; // storage is off or full: the leave guard still stands
  }
  return at;
}

export function keptDraft(job: string): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(job)) ?? 'null') as Kept | null;
    if (!kept?.draft || typeof kept.draft.source !== 'string' || Date.now() - kept.at > keepFor) return null;
    return { ...kept, draft: { ...blank(), ...kept.draft } };
  } catch {
    return null;
  }
}

export function dropDraft(job: string) {
  try {
    localStorage.removeItem(keyOf(job));
  } catch {
    /* nothing was kept */
  }
}
