import { Button, Modal } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { at, del, post } from '../request';
import { number, t } from '../i18n';
import { size } from '../log/size';
import { useHosts, useMay, useProject } from '../queries';
import { Time } from '../time/Time';
import type { Host, Server } from '../types';
import { Empty, Labels, Loaded, Page, ProblemPanel } from '../ui/Page';
import { Status } from '../ui/Status';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { healthOf, useServers } from './server';

const AddAny = lazy(() => import('./AddAny'));

export default function Hosts() {
  const query = useHosts();
  const [archived, setArchived] = useState(false);
  const servers = useServers(archived);
  const mayEdit = useMay('admin');
  const [adding, setAdding] = useState(false);
  const add = mayEdit && <Button onClick={() => setAdding(true)}>{t('hosts.add')}</Button>;
  return (
    <Page title={t('nav.hosts')} actions={add}>
      <div className={css.chips} style={{ marginBottom: 12 }}>
        <button
          type="button"
          className={css.chip}
          aria-pressed={archived}
          onClick={() => setArchived((now) => !now)}
        >
          {t('hosts.archived')}
        </button>
      </div>
      {servers.error ? <ProblemPanel error={servers.error} retry={() => void servers.refetch()} /> : null}
      <Loaded from={query}>
        {({ items }) =>
          archived ? (
            <Archived items={servers.data?.items} />
          ) : items.length === 0 && servers.data?.items.length === 0 ? (
            <Empty
              title={t('hosts.empty')}
              text={t('hosts.empty_text')}
              action={add}
              command="cronium hosts add"
            />
          ) : (
            <Table items={items} servers={servers.data?.items ?? []} mayRevoke={mayEdit} />
          )
        }
      </Loaded>
      {adding && (
        <Suspense>
          <AddAny onClose={() => setAdding(false)} />
        </Suspense>
      )}
    </Page>
  );
}

function Archived({ items }: { items: Server[] | undefined }) {
  if (!items) return null;
  if (items.length === 0) return <Empty title={t('hosts.archived_none')} text={t('hosts.archived_text')} />;
  return <Table items={[]} servers={items} mayRevoke={false} />;
}

interface TableProps {
  items: Host[];
  servers: Server[];
  mayRevoke: boolean;
}

function Table({ items, servers, mayRevoke }: TableProps) {
  const [revoking, setRevoking] = useState<Host | null>(null);
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('col.host')}</th>
            <th scope="col">{t('hosts.kind')}</th>
            <th scope="col">{t('col.state')}</th>
            <th scope="col">{t('hosts.system')}</th>
            <th scope="col" className={css.end}>
              {t('hosts.running')}
            </th>
            <th scope="col">{t('hosts.last_seen')}</th>
            <th scope="col">
              <span className="vh">{t('col.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((h) => (
            <tr key={h.name} data-host={h.name}>
              <td className={css.main}>
                {h.name} <Labels of={h.labels} />
              </td>
              <td className={css.muted} data-hide>
                {t('hosts.kind_agent')}
              </td>
              <td>
                <Status state={h.draining && h.state === 'online' ? 'draining' : h.state} quiet />
              </td>
              <td data-wide className={css.muted}>
                <Facts host={h} />
              </td>
              <td className={css.end} data-start data-label={t('hosts.running_short')}>
                {t('hosts.slots', { running: number(h.running), slots: number(h.slots) })}
              </td>
              <td className={css.muted} data-end data-label={t('hosts.last_seen')}>
                {h.state === 'online' ? t('hosts.now') : <Time at={h.last_seen_at} />}
              </td>
              <td className={css.end} data-wide>
                {mayRevoke && h.state !== 'revoked' && <Care host={h} />}
                {mayRevoke && h.state !== 'revoked' && (
                  <Button variant="subtle" color="danger" size="compact-sm" onClick={() => setRevoking(h)}>
                    {t('hosts.revoke')}
                    <span className="vh"> {h.name}</span>
                  </Button>
                )}
              </td>
            </tr>
          ))}
          {servers.map((s) => (
            <ServerRow key={s.name} server={s} />
          ))}
        </tbody>
      </table>
      {revoking && <Revoke host={revoking} onClose={() => setRevoking(null)} />}
    </div>
  );
}

/** Drain or resume, and upgrade where there is something to upgrade to. */
function Care({ host }: { host: Host }) {
  const project = useProject();
  const queries = useQueryClient();
  const order = useMutation({
    mutationFn: (verb: 'drain' | 'resume' | 'upgrade') =>
      post<Host>(at('projects', project, 'hosts', host.name, verb)),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['hosts'] }),
    onError: toastProblem,
  });
  const waits = host.upgrade?.state === 'waiting';
  const button = (verb: 'drain' | 'resume' | 'upgrade', word: string) => (
    <Button variant="subtle" size="compact-sm" loading={order.isPending} onClick={() => order.mutate(verb)}>
      {word}
      <span className="vh"> {host.name}</span>
    </Button>
  );
  return (
    <>
      {host.upgrade_to && !waits && button('upgrade', t('hosts.upgrade', { version: host.upgrade_to }))}
      {host.draining ? button('resume', t('hosts.resume')) : button('drain', t('hosts.drain'))}
    </>
  );
}

function ServerRow({ server }: { server: Server }) {
  const f = server.facts;
  const system = [
    f.distribution || f.os,
    f.arch,
    f.cpus ? t('hosts.cpus', { count: f.cpus }) : '',
    f.memory_bytes ? size(f.memory_bytes) : '',
  ];
  return (
    <tr data-server={server.name}>
      <td className={css.main}>
        <Link to="/hosts/servers/$name" params={{ name: server.name }}>
          {server.name}
        </Link>{' '}
        <Labels of={server.via} />
      </td>
      <td className={css.muted} data-hide>
        {t('hosts.kind_ssh')}
      </td>
      <td>
        <Status state={healthOf(server)} quiet />
      </td>
      <td data-wide className={css.muted}>
        {system.filter(Boolean).join(' · ')}
        <div className={css.faint}>
          {server.user}@{server.address}
        </div>
      </td>
      <td className={css.end} data-hide>
        –
      </td>
      <td className={css.muted} data-wide data-label={t('server.tested')}>
        {server.checked_at ? <Time at={server.checked_at} /> : '–'}
      </td>
      <td data-hide />
    </tr>
  );
}

function Facts({ host }: { host: Host }) {
  const f = host.facts;
  const system = [
    f.distribution || f.os,
    f.arch,
    f.cpus ? t('hosts.cpus', { count: f.cpus }) : '',
    f.memory_bytes ? size(f.memory_bytes) : '',
  ];
  const tools = Object.entries(f.interpreters ?? {}).map(([name, version]) =>
    version.startsWith(name) ? version : `${name} ${version}`,
  );
  return (
    <>
      {system.filter(Boolean).join(' · ')}
      {tools.length > 0 && <div className={css.faint}>{tools.join(' · ')}</div>}
      <div className={css.faint}>
        {host.version && t('hosts.agent', { version: host.version })}
        {host.certificate.not_after && (
          <>
            {' · '}
            {t('hosts.certificate')} <Time at={host.certificate.not_after} />
          </>
        )}
      </div>
      {host.upgrade && (
        <div role="status">
          {host.upgrade.state === 'failed'
            ? t('hosts.upgrade_failed', {
                version: host.upgrade.version,
                problem: host.upgrade.problem ?? '',
              })
            : t('hosts.upgrading', { version: host.upgrade.version })}
        </div>
      )}
    </>
  );
}

function Revoke({ host, onClose }: { host: Host; onClose: () => void }) {
  const project = useProject();
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => del(at('projects', project, 'hosts', host.name)),
    onSuccess: () => {
      toast(t('hosts.revoked', { name: host.name }));
      void queries.invalidateQueries({ queryKey: ['hosts'] });
      onClose();
    },
    onError: toastProblem,
  });
  return (
    <Modal opened onClose={onClose} title={t('hosts.revoke_title', { name: host.name })}>
      <p>{t('hosts.revoke_text', { count: host.running })}</p>
      <div className={css.row} style={{ justifyContent: 'flex-end', marginTop: 16 }}>
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('action.keep')}
        </Button>
        <Button color="danger" onClick={() => revoke.mutate()} loading={revoke.isPending}>
          {t('hosts.revoke_action')}
        </Button>
      </div>
    </Modal>
  );
}
