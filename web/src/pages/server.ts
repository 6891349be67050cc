// What the forms of servers hold, how it becomes a request, and who asks the hub.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { at, call, del, get, post, query } from '../request';
import { useProject } from '../queries';
import type { Opener, Page, Server, ServerImpact, ServerRequest } from '../types';

export type OpenerKind = 'generate' | 'key' | 'password';

/** What opens a server, while it is typed. It is kept nowhere else. */
export interface OpenerDraft {
  kind: OpenerKind;
  privateKey: string;
  passphrase: string;
  password: string;
}

export const noOpener: OpenerDraft = { kind: 'generate', privateKey: '', passphrase: '', password: '' };

export function toOpener(d: OpenerDraft): Opener {
  switch (d.kind) {
    case 'generate':
      return { generate: true };
    case 'key':
      return { private_key: d.privateKey, passphrase: d.passphrase || undefined };
    case 'password':
      return { password: d.password };
  }
}

/** Health as its own word: a server that was not tested is not a run whose host is silent. */
export const healthOf = (s: Server): string => (s.state === 'unknown' ? 'untested' : s.state);

export const serverKey = (project: string, name: string) => ['server', project, name];

export function useServers(archived: boolean) {
  const project = useProject();
  return useQuery({
    queryKey: ['servers', project, archived],
    queryFn: async ({ signal }) => {
      const items: Server[] = [];
      let cursor: string | undefined = '';
      for (let i = 0; i < 20 && cursor !== undefined; i++) {
        const page: Page<Server> = await get(
          at('projects', project, 'servers') +
            query({ limit: 200, cursor, archived: archived ? 'true' : '' }),
          signal,
        );
        items.push(...page.items);
        cursor = page.next_cursor;
      }
      return { items };
    },
    refetchInterval: 15_000,
  });
}

export function useServer(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: serverKey(project, name),
    queryFn: ({ signal }) => get<Server>(at('projects', project, 'servers', name), signal),
    refetchInterval: 15_000,
  });
}

export function useImpact(name: string) {
  const project = useProject();
  return useQuery({
    queryKey: ['impact', project, name],
    queryFn: ({ signal }) => get<ServerImpact>(at('projects', project, 'servers', name, 'impact'), signal),
  });
}

/** Sends a change of a server and keeps what it became. */
export function useChangeServer() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, verb, json }: { name: string; verb?: string; json?: unknown }) => {
      if (!verb) {
        const path = at('projects', project, 'servers', name);
        return (await call<Server>(path, { method: 'PATCH', json })).body;
      }
      return post<Server>(at('projects', project, 'servers', name, verb), json);
    },
    onSuccess: (s) => {
      queries.setQueryData(serverKey(project, s.name), s);
      void queries.invalidateQueries({ queryKey: ['servers'] });
    },
  });
}

export function useAddServer() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (json: ServerRequest) => post<Server>(at('projects', project, 'servers'), json),
    onSuccess: (s) => {
      queries.setQueryData(serverKey(project, s.name), s);
      void queries.invalidateQueries({ queryKey: ['servers'] });
    },
  });
}

export function useRemoveServer() {
  const project = useProject();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => del(at('projects', project, 'servers', name)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['servers'] }),
  });
}
