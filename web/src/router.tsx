import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type ErrorComponentProps,
} from '@tanstack/react-router';
import { get, Problem } from './request';
import { client, meQuery } from './queries';
import { Page, ProblemPanel } from './ui/Page';
import { Shell } from './ui/Shell';
import { t } from './i18n';
import { isRunState } from './ui/states';

const text = (v: unknown) => (typeof v === 'string' && v !== '' ? v : undefined);

const root = createRootRoute({ notFoundComponent: NotFound, errorComponent: Broken });

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('./pages/Setup')),
});

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (s: Record<string, unknown>): { next?: string } => ({ next: text(s.next) }),
  component: lazyRouteComponent(() => import('./pages/Login')),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  beforeLoad: async ({ location }) => {
    try {
      await client.ensureQueryData(meQuery);
    } catch (err) {
      if (!(err instanceof Problem) || err.status !== 401) throw err;
      const { needed } = await get<{ needed: boolean }>('/setup').catch(() => ({ needed: false }));
      if (needed) throw redirect({ to: '/setup' });
      throw redirect({ to: '/login', search: location.href === '/' ? {} : { next: location.href } });
    }
  },
  errorComponent: Broken,
});

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/jobs', replace: true });
  },
});

export const jobs = createRoute({
  getParentRoute: () => shell,
  path: '/jobs',
  validateSearch: (s: Record<string, unknown>): { q?: string } => ({ q: text(s.q) }),
  component: lazyRouteComponent(() => import('./pages/Jobs')),
});

const newJob = createRoute({
  getParentRoute: () => shell,
  path: '/jobs/new',
  component: lazyRouteComponent(() => import('./pages/JobEdit'), 'NewJob'),
});

export const job = createRoute({
  getParentRoute: () => shell,
  path: '/jobs/$name',
  validateSearch: (s: Record<string, unknown>): { tab?: string } => ({ tab: text(s.tab) }),
  component: lazyRouteComponent(() => import('./pages/Job')),
});

export const editJob = createRoute({
  getParentRoute: () => shell,
  path: '/jobs/$name/edit',
  component: lazyRouteComponent(() => import('./pages/JobEdit'), 'EditJob'),
});

export const runs = createRoute({
  getParentRoute: () => shell,
  path: '/runs',
  validateSearch: (s: Record<string, unknown>): { state?: string; job?: string; trigger?: string } => ({
    state: text(s.state)?.split(',').filter(isRunState).join(',') || undefined,
    job: text(s.job),
    trigger: text(s.trigger),
  }),
  component: lazyRouteComponent(() => import('./pages/Runs')),
});

export const run = createRoute({
  getParentRoute: () => shell,
  path: '/runs/$id',
  validateSearch: (s: Record<string, unknown>): { tab?: string; attempt?: number } => ({
    tab: text(s.tab),
    attempt: Number.isInteger(Number(s.attempt)) && Number(s.attempt) > 0 ? Number(s.attempt) : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/Run')),
});

const schedules = createRoute({
  getParentRoute: () => shell,
  path: '/schedules',
  component: lazyRouteComponent(() => import('./pages/Schedules')),
});

const hosts = createRoute({
  getParentRoute: () => shell,
  path: '/hosts',
  component: lazyRouteComponent(() => import('./pages/Hosts')),
});

const server = createRoute({
  getParentRoute: () => shell,
  path: '/hosts/servers/$name',
  component: lazyRouteComponent(() => import('./pages/Server')),
});

const variables = createRoute({
  getParentRoute: () => shell,
  path: '/variables',
  component: lazyRouteComponent(() => import('./pages/Variables')),
});

const secrets = createRoute({
  getParentRoute: () => shell,
  path: '/secrets',
  component: lazyRouteComponent(() => import('./pages/Secrets')),
});

const tokens = createRoute({
  getParentRoute: () => shell,
  path: '/settings/tokens',
  component: lazyRouteComponent(() => import('./pages/Tokens')),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/tokens', replace: true });
  },
});

const anywhere = createRoute({ getParentRoute: () => shell, path: '$', component: Nowhere });

function Nowhere() {
  return (
    <Page title={t('not_found.title')}>
      <p>{t('not_found.text')}</p>
      <p style={{ marginTop: 16 }}>
        <a href="/jobs">{t('not_found.link')}</a>
      </p>
    </Page>
  );
}

function NotFound() {
  return (
    <main>
      <Nowhere />
    </main>
  );
}

function Broken({ error, reset }: ErrorComponentProps) {
  // A chunk that is gone means the hub was upgraded while this tab was open.
  const chunk = /dynamically imported module|Importing a module script failed/.test(String(error));
  return (
    <main>
      <Page title={chunk ? t('broken.new_version') : t('broken.title')}>
        <ProblemPanel error={error} retry={() => (chunk ? location.reload() : reset())} />
      </Page>
    </main>
  );
}

export const router = createRouter({
  routeTree: root.addChildren([
    setup,
    login,
    shell.addChildren([
      home,
      jobs,
      newJob,
      job,
      editJob,
      runs,
      run,
      schedules,
      hosts,
      server,
      variables,
      secrets,
      settings,
      tokens,
      anywhere,
    ]),
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
