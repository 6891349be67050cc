import { Menu } from '@mantine/core';
import { useMantineColorScheme } from '@mantine/core';
import {
  IconClock,
  IconDots,
  IconEyeOff,
  IconKey,
  IconList,
  IconLogout,
  IconPlayerPlay,
  IconServer,
  IconVariable,
} from '@tabler/icons-react';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { hubSkew, onSignedOut, post } from '../request';
import { t } from '../i18n';
import { useHosts, useMe } from '../queries';
import { socket, useLink } from '../socket';
import { clock } from '../time/time';
import css from './shell.module.css';
import { Toasts } from './toast';

const SignInAgain = lazy(() => import('../pages/SignInAgain'));

export function Shell() {
  const [signedOut, setSignedOut] = useState(false);
  useEffect(() => onSignedOut(() => setSignedOut(true)), []);
  useRegions();
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main">
        {t('shell.skip')}
      </a>
      <Sidebar />
      <main id="main" tabIndex={-1} className={css.main} data-region="main">
        <Outlet />
      </main>
      <BottomBar />
      <Toasts />
      {signedOut && (
        <Suspense>
          <SignInAgain onDone={() => setSignedOut(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** F6 walks the regions of the page. */
function useRegions() {
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== 'F6') return;
      e.preventDefault();
      const all = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter(
        (r) => r.offsetParent !== null,
      );
      const now = all.findIndex((r) => r.contains(document.activeElement));
      const next = all[(now + (e.shiftKey ? all.length - 1 : 1)) % all.length];
      if (!next) return;
      next.tabIndex = -1;
      next.focus();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function Sidebar() {
  return (
    <nav className={css.side} aria-label={t('shell.navigation')} data-region="sidebar">
      <Link to="/jobs" className={css.brand}>
        <Logo /> Cronium
      </Link>
      <div className={css.group}>{t('nav.build')}</div>
      <ul className={css.list}>
        <Item to="/jobs">{t('nav.jobs')}</Item>
      </ul>
      <div className={css.group}>{t('nav.operate')}</div>
      <ul className={css.list}>
        <Item to="/runs">{t('nav.runs')}</Item>
        <Item to="/schedules">{t('nav.schedules')}</Item>
        <Item to="/hosts" count={<OfflineHosts />}>
          {t('nav.hosts')}
        </Item>
      </ul>
      <div className={css.group}>{t('nav.configure')}</div>
      <ul className={css.list}>
        <Item to="/variables">{t('nav.variables')}</Item>
        <Item to="/secrets">{t('nav.secrets')}</Item>
        <Item to="/settings/tokens">{t('nav.tokens')}</Item>
      </ul>
      <div className={css.foot}>
        <LivePill />
        <UserMenu />
      </div>
    </nav>
  );
}

export function Logo() {
  return (
    <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
      <rect width="16" height="16" rx="4" fill="var(--accent)" />
      <path
        d="M4.5 8.3 7 10.8l4.6-5.3"
        fill="none"
        stroke="var(--on-accent)"
        strokeWidth="1.9"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

type Path = '/jobs' | '/runs' | '/schedules' | '/hosts' | '/variables' | '/secrets' | '/settings/tokens';

function Item({ to, count, children }: { to: Path; count?: ReactNode; children: ReactNode }) {
  return (
    <li>
      <Link to={to} className={css.link} activeOptions={{ includeSearch: false }}>
        {children}
        {count}
      </Link>
    </li>
  );
}

/** A count only where it calls for action. */
function OfflineHosts() {
  const { data } = useHosts();
  const n = data?.items.filter((h) => h.state === 'offline').length ?? 0;
  if (n === 0) return null;
  return (
    <span className={css.count} data-tone="bad" title={t('hosts.offline_count', { count: n })}>
      <span aria-hidden="true">{n}</span>
      <span className="vh">{t('hosts.offline_count', { count: n })}</span>
    </span>
  );
}

function LivePill() {
  const link = useLink();
  const [, tick] = useState(0);
  const waiting = link.state === 'waiting';
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [waiting]);
  const skew = Math.abs(hubSkew()) > 5000 ? ` · ${t('live.skew')}` : '';
  return (
    <div className={css.live} data-state={link.state}>
      <span className={css.dot} />
      <span role="status">{liveWords(link) + skew}</span>
    </div>
  );
}

function liveWords(link: ReturnType<typeof useLink>): string {
  switch (link.state) {
    case 'live':
      return t('live.live');
    case 'idle':
    case 'connecting':
      return t('live.connecting');
    case 'waiting': {
      if (Date.now() - link.since > 15_000)
        return t('live.offline', { since: clock(link.since).slice(0, 5) });
      const s = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
      return t('live.reconnecting', { s });
    }
  }
}

function UserMenu() {
  const { data: me } = useMe();
  const label = me?.name || me?.email || '';
  return (
    <Menu position="top-start" width={220} shadow="md">
      <Menu.Target>
        <button className={css.user} type="button">
          <b className={css.face} aria-hidden="true">
            {label.slice(0, 1).toUpperCase()}
          </b>
          <span className="vh">{t('shell.account')}</span> <span>{label}</span>
        </button>
      </Menu.Target>
      <AccountDropdown />
    </Menu>
  );
}

function AccountDropdown({ more }: { more?: ReactNode }) {
  const { data: me } = useMe();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const signOut = async () => {
    await post('/auth/logout').catch(() => undefined);
    socket.close();
    queries.clear();
    await navigate({ to: '/login' });
  };
  return (
    <Menu.Dropdown>
      {more}
      <ThemeSwitch />
      <Menu.Divider />
      <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
        {t('action.sign_out')}
      </Menu.Item>
      <Menu.Label>
        {me?.email}
        <br />
        {t('shell.version', { version: me?.hub.version ?? '' })}
      </Menu.Label>
    </Menu.Dropdown>
  );
}

export function ThemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <div className={css.theme} role="group" aria-label={t('theme.label')}>
      {(['light', 'dark', 'auto'] as const).map((s) => (
        <button key={s} type="button" aria-pressed={colorScheme === s} onClick={() => setColorScheme(s)}>
          {t(`theme.${s}`)}
        </button>
      ))}
    </div>
  );
}

function BottomBar() {
  return (
    <nav className={css.bottom} aria-label={t('shell.navigation')}>
      <Link to="/runs">
        <IconPlayerPlay size={20} aria-hidden /> {t('nav.runs')}
      </Link>
      <Link to="/jobs">
        <IconList size={20} aria-hidden /> {t('nav.jobs')}
      </Link>
      <Link to="/schedules">
        <IconClock size={20} aria-hidden /> {t('nav.schedules')}
      </Link>
      <Link to="/hosts">
        <IconServer size={20} aria-hidden /> {t('nav.hosts')}
      </Link>
      <Menu position="top-end" width={240}>
        <Menu.Target>
          <button type="button">
            <IconDots size={20} aria-hidden /> {t('nav.more')}
          </button>
        </Menu.Target>
        <AccountDropdown
          more={
            <>
              <Menu.Item component={Link} to="/variables" leftSection={<IconVariable size={16} />}>
                {t('nav.variables')}
              </Menu.Item>
              <Menu.Item component={Link} to="/secrets" leftSection={<IconEyeOff size={16} />}>
                {t('nav.secrets')}
              </Menu.Item>
              <Menu.Item component={Link} to="/settings/tokens" leftSection={<IconKey size={16} />}>
                {t('nav.tokens')}
              </Menu.Item>
            </>
          }
        />
      </Menu>
    </nav>
  );
}
