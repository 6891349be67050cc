import {
  QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
} from '@tanstack/react-query';
import { useCallback } from 'react';
import { at, call, del, get, getText, post, Problem, query } from './request';
import { useTopic } from './socket';
import type {
  Artifact,
  Fire,
  Host,
  InputValue,
  Job,
  JobSummary,
  JobVersion,
  Me,
  NewToken,
  Page,
  Run,
  RunSummary,
  Schedule,
  Secret,
  Token,
  Variable,
} from './types';

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (failures, err) =>
        failures < 3 && (!(err instanceof Problem) || err.status === 0 || err.status >= 502),
      retryDelay: (n) => Math.min(1000 * 2 ** n, 8000),
    },
  },
});

export const meQuery = {
  queryKey: ['me'],
  queryFn: () => get<Me>('/me'),
  staleTime: 60_000,
  retry: false,
} as const;
export const useMe = () => useQuery(meQuery);

/** The project whose things are shown: `default`, else the first the reader belongs to. */
export function useProject(): string {
  const { data } = useMe();
  const all = data?.projects ?? [];
  return (all.find((p) => p.slug === 'default') ?? all[0])?.slug ?? 'default';
}

// What a role may do here; the hub decides, this only hides what would be refused.
const rank = ['auditor', 'viewer', 'operator', 'editor', 'admin', 'owner'];
export function useMay(least: 'operator' | 'editor' | 'admin'): boolean {
  const { data } = useMe();
  const project = useProject();
  if (data?.admin) return true;
  const role = data?.projects.find((p) => p.slug === project)?.role ?? 'viewer';
  return rank.indexOf(role) >= rank.indexOf(least);
}

export function useJobs(text: string) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['jobs', project, text],
    queryFn: ({ pageParam, signal }) =>
      get<Page<JobSummary>>(
        at('projects', project, 'jobs') + query({ text, limit: 100, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    placeholderData: (old) => old,
    refetchInterval: 30_000,
  });
}

export function useJob(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['job', project, name],
    queryFn: async ({ signal }) => {
      const { body, etag } = await call<Job>(at('projects', project, 'jobs', name), { signal });
      return { job: body, etag: etag ?? `"${body.version}"` };
    },
    enabled: name !== '',
  });
}

export function useVersions(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['versions', project, name],
    queryFn: ({ signal }) =>
      get<Page<JobVersion>>(at('projects', project, 'jobs', name, 'versions') + query({ limit: 50 }), signal),
  });
}

export interface RunFilter {
  state?: string;
  job?: string;
  trigger?: string;
}

export const runsKey = (project: string, f: RunFilter) => [
  'runs',
  project,
  f.state ?? '',
  f.job ?? '',
  f.trigger ?? '',
];

export function useRuns(f: RunFilter, limit = 50) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: runsKey(project, f),
    queryFn: ({ pageParam, signal }) =>
      get<Page<RunSummary>>(
        at('projects', project, 'runs') + query({ ...f, limit, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    placeholderData: (old) => old,
  });
}

/** Writes changed runs over the rows that show them; rows never move. */
export function patchRuns(data: InfiniteData<Page<RunSummary>> | undefined, changed: RunSummary[]) {
  if (!data) return data;
  const byId = new Map(changed.map((r) => [r.id, r]));
  let touched = false;
  const pages = data.pages.map((p) => ({
    ...p,
    items: p.items.map((r) => {
      const now = byId.get(r.id);
      if (!now) return r;
      touched = true;
      return { ...r, ...now };
    }),
  }));
  return touched ? { ...data, pages } : data;
}

export function useRunsTopic(receive: (runs: RunSummary[]) => void) {
  const project = useProject();
  useTopic({ topic: 'runs', project }, (m) => {
    if (m.type === 'runs') receive((m.runs ?? []) as RunSummary[]);
  });
}

export function useRun(id: string) {
  const project = useProject();
  const queries = useQueryClient();
  const key = ['run', project, id];
  useTopic({ topic: 'run', project, run: id }, (m) => {
    if (m.type === 'run') queries.setQueryData(key, m.run as Run);
  });
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<Run>(at('projects', project, 'runs', id), signal),
    // The socket brings changes; this stands behind it.
    refetchInterval: (q) => (q.state.data && q.state.data.finished_at ? false : 5000),
  });
}

/** The output of a run as JSON text; `since` is when it was set. */
export function useRunOutput(id: string, since: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['output', project, id, since],
    queryFn: ({ signal }) => getText(at('projects', project, 'runs', id, 'output'), signal),
    placeholderData: (old) => old,
    staleTime: Infinity,
  });
}

/** What a run keeps; `since` is when the newest was made. */
export function useArtifacts(id: string, since: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['artifacts', project, id, since],
    queryFn: ({ signal }) => get<Page<Artifact>>(at('projects', project, 'runs', id, 'artifacts'), signal),
    placeholderData: (old) => old,
    staleTime: Infinity,
  });
}

export function useVariables() {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['variables', project],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Variable>>(
        at('projects', project, 'variables') + query({ limit: 100, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    refetchInterval: 15_000,
  });
}

/** Sets a variable to JSON that is written already, so that no digit is lost. */
export function usePutVariable() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, json }: { name: string; json: string }) =>
      call<Variable>(at('projects', project, 'variables', name), {
        method: 'PUT',
        body: `{"value":${json}}`,
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['variables'] }),
  });
}

export function useDeleteVariable() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => del(at('projects', project, 'variables', name)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['variables'] }),
  });
}

export function useSecrets() {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['secrets', project],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Secret>>(
        at('projects', project, 'secrets') + query({ limit: 100, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    refetchInterval: 30_000,
  });
}

export function usePutSecret() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, value }: { name: string; value: string }) =>
      call<void>(at('projects', project, 'secrets', name), { method: 'PUT', json: { value } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['secrets'] }),
  });
}

export function useDeleteSecret() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => del(at('projects', project, 'secrets', name)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['secrets'] }),
  });
}

export function useSchedules(job?: string) {
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['schedules', project, job ?? ''],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Schedule>>(
        at('projects', project, 'schedules') + query({ job, limit: 100, cursor: pageParam }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (p) => p.next_cursor,
    refetchInterval: 30_000,
  });
}

export function useFires(id: string, enabled: boolean) {
  const project = useProject();
  return useQuery({
    queryKey: ['fires', project, id],
    queryFn: ({ signal }) =>
      get<Page<Fire>>(at('projects', project, 'schedules', id, 'fires') + query({ limit: 20 }), signal),
    enabled,
  });
}

/** Every page of hosts: the list is live, and a project has hundreds of them at most. */
async function allHosts(project: string, signal: AbortSignal): Promise<Page<Host>> {
  const items: Host[] = [];
  let cursor: string | undefined = '';
  for (let i = 0; i < 20 && cursor !== undefined; i++) {
    const page: Page<Host> = await get(
      at('projects', project, 'hosts') + query({ limit: 200, cursor }),
      signal,
    );
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return { items };
}

export function useHosts() {
  const project = useProject();
  const queries = useQueryClient();
  const key = ['hosts', project];
  useTopic({ topic: 'hosts', project }, (m) => {
    if (m.type !== 'hosts') return;
    queries.setQueryData<Page<Host>>(key, (old) => {
      const byName = new Map((old?.items ?? []).map((h) => [h.name, h]));
      for (const h of (m.hosts ?? []) as Host[]) byName.set(h.name, h);
      return { ...old, items: [...byName.values()].sort((a, b) => a.name.localeCompare(b.name)) };
    });
  });
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => allHosts(project, signal),
    refetchInterval: 15_000,
  });
}

export const useTokens = () =>
  useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => get<Page<Token>>('/tokens', signal) });

export function useCreateToken() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; expires_in: string }) => post<NewToken>('/tokens', body),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tokens'] }),
  });
}

export function useRevokeToken() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => del(at('tokens', id)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tokens'] }),
  });
}

/** Starts a run of a job. */
export function useStartRun() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ job, inputs }: { job: string; inputs: Record<string, InputValue> }) =>
      post<Run>(at('projects', project, 'jobs', job, 'runs'), { inputs, trigger: 'manual' }),
    onSuccess: (run) => {
      queries.setQueryData(['run', project, run.id], run);
      void queries.invalidateQueries({ queryKey: ['runs'] });
      void queries.invalidateQueries({ queryKey: ['jobs'] });
    },
  });
}

/** Pauses or resumes a job or a schedule. */
export function useSwitch(kind: 'jobs' | 'schedules') {
  const project = useProject();
  const queries = useQueryClient();
  const refresh = useCallback(() => {
    for (const key of ['jobs', 'job', 'schedules']) void queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);
  return useMutation({
    mutationFn: ({ id, on }: { id: string; on: boolean }) =>
      post<unknown>(at('projects', project, kind, id, on ? 'resume' : 'pause')),
    onSuccess: refresh,
  });
}
