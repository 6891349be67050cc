import { Button, Modal } from '@mantine/core';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState, type FormEvent, type ReactNode } from 'react';
import { t } from '../i18n';
import { size } from '../log/size';
import { useMay } from '../queries';
import { Time } from '../time/Time';
import type { Server as ServerShape } from '../types';
import { Labels, Loaded, Note, Page, ProblemPanel } from '../ui/Page';
import { Status } from '../ui/Status';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { parseLabels } from './AddHost';
import { Connection } from './Connection';
import {
  healthOf,
  noOpener,
  toOpener,
  useChangeServer,
  useImpact,
  useRemoveServer,
  useServer,
} from './server';
import { OpenerFields, PlaceFields, Replace } from './ServerFields';

type Dialog = 'edit' | 'archive' | 'restore' | 'remove';

export default function Server() {
  const { name } = useParams({ from: '/shell/hosts/servers/$name' });
  const query = useServer(name);
  const [dialog, open] = useState<Dialog | null>(null);
  const server = query.data;
  return (
    <Page
      title={name}
      crumb={<Link to="/hosts">{t('nav.hosts')}</Link>}
      beside={server && <Status state={healthOf(server)} />}
      actions={server && <Actions server={server} open={open} />}
    >
      <Loaded from={query}>{(s) => <View server={s} />}</Loaded>
      {server && dialog === 'edit' && <Edit server={server} onClose={() => open(null)} />}
      {server && dialog === 'archive' && <Archive server={server} onClose={() => open(null)} />}
      {server && dialog === 'restore' && <Restore server={server} onClose={() => open(null)} />}
      {server && dialog === 'remove' && <Remove server={server} onClose={() => open(null)} />}
    </Page>
  );
}

function Actions({ server, open }: { server: ServerShape; open: (d: Dialog) => void }) {
  if (!useMay('admin')) return null;
  return server.archived_at ? (
    <>
      <Button onClick={() => open('restore')}>{t('server.restore')}</Button>
      <Button variant="default" color="danger" onClick={() => open('remove')}>
        {t('server.remove')}
      </Button>
    </>
  ) : (
    <>
      <Button variant="default" onClick={() => open('edit')}>
        {t('action.edit')}
      </Button>
      <Button variant="default" onClick={() => open('archive')}>
        {t('server.archive')}
      </Button>
    </>
  );
}

function View({ server }: { server: ServerShape }) {
  return (
    <>
      {server.archived_at && (
        <Note tone="idle" title={t('server.is_archived')}>
          <p>
            {t('server.is_archived_text')} <Time at={server.purge_after} />
          </p>
        </Note>
      )}
      <div className={css.grid2}>
        <section className={css.card}>
          <h2 className={css.cardTitle}>{t('server.connection')}</h2>
          {server.archived_at ? (
            <p className={css.muted}>{t('server.no_credential')}</p>
          ) : (
            <Connection server={server} />
          )}
        </section>
        <div className={css.stack}>
          <section className={css.card}>
            <h2 className={css.cardTitle}>{t('server.way')}</h2>
            <Way server={server} />
          </section>
          <Facts server={server} />
          <Needs name={server.name} />
        </div>
      </div>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return children ? (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  ) : null;
}

function Way({ server }: { server: ServerShape }) {
  const key = server.host_key;
  return (
    <dl className={css.facts}>
      <Fact name={t('server.address')}>{server.address}</Fact>
      <Fact name={t('server.user')}>{server.user}</Fact>
      <Fact name={t('server.opens')}>{t(`server.kind_${server.credential.kind}`)}</Fact>
      <Fact name={t('server.jump')}>
        {server.jump && (
          <Link to="/hosts/servers/$name" params={{ name: server.jump }}>
            {server.jump}
          </Link>
        )}
      </Fact>
      <Fact name={t('server.via')}>
        {Object.keys(server.via).length > 0 ? <Labels of={server.via} /> : t('server.any_agent')}
      </Fact>
      <Fact name={t('server.host_key')}>
        {key && (
          <>
            <code className={css.mono}>{key.fingerprint}</code>
            <div className={css.faint}>
              {key.type} · {t('server.confirmed')} <Time at={key.at} /> {key.by}
            </div>
          </>
        )}
      </Fact>
      <Fact name={t('col.created')}>
        <Time at={server.created_at} /> {server.created_by && `· ${server.created_by}`}
      </Fact>
    </dl>
  );
}

function Facts({ server }: { server: ServerShape }) {
  const f = server.facts;
  if (!f.os && !f.hostname) return null;
  const tools = Object.entries(f.interpreters ?? {}).map(([name, version]) =>
    version.startsWith(name) ? version : `${name} ${version}`,
  );
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>{t('hosts.system')}</h2>
      <dl className={css.facts}>
        <Fact name={t('server.hostname')}>{f.hostname}</Fact>
        <Fact name={t('hosts.system')}>{[f.distribution || f.os, f.arch].filter(Boolean).join(' · ')}</Fact>
        <Fact name={t('server.kernel')}>{f.kernel}</Fact>
        <Fact name={t('edit.cpus')}>{f.cpus || ''}</Fact>
        <Fact name={t('edit.memory')}>{f.memory_bytes ? size(f.memory_bytes) : ''}</Fact>
        <Fact name={t('server.disk')}>
          {f.disk_bytes
            ? t('server.disk_free', { free: size(f.disk_free_bytes), all: size(f.disk_bytes) })
            : ''}
        </Fact>
        <Fact name={t('server.tools')}>{tools.join(' · ')}</Fact>
      </dl>
    </section>
  );
}

/** Which jobs run on it, and which servers are reached through it. */
function Needs({ name }: { name: string }) {
  const query = useImpact(name);
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>{t('server.needed_by')}</h2>
      <Loaded from={query} rows={2}>
        {(impact) => <NeedsList jobs={impact.jobs} servers={impact.servers} />}
      </Loaded>
    </section>
  );
}

function NeedsList({ jobs, servers }: { jobs: string[]; servers: string[] }) {
  if (jobs.length + servers.length === 0) return <p className={css.muted}>{t('server.needed_by_none')}</p>;
  return (
    <dl className={css.facts}>
      <Fact name={t('nav.jobs')}>
        {jobs.length > 0 &&
          jobs.map((job, i) => (
            <span key={job}>
              {i > 0 && ', '}
              <Link to="/jobs/$name" params={{ name: job }}>
                {job}
              </Link>
            </span>
          ))}
      </Fact>
      <Fact name={t('server.jump_for')}>
        {servers.length > 0 &&
          servers.map((s, i) => (
            <span key={s}>
              {i > 0 && ', '}
              <Link to="/hosts/servers/$name" params={{ name: s }}>
                {s}
              </Link>
            </span>
          ))}
      </Fact>
    </dl>
  );
}

interface DialogProps {
  server: ServerShape;
  onClose: () => void;
}

function Edit({ server, onClose }: DialogProps) {
  const change = useChangeServer();
  const [place, setPlace] = useState({
    address: server.address,
    user: server.user,
    jump: server.jump ?? '',
    via: Object.entries(server.via)
      .map(([k, v]) => `${k}=${v}`)
      .join(', '),
  });
  const [opener, setOpener] = useState(noOpener);
  const [replace, setReplace] = useState(false);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const json = {
      address: place.address.trim(),
      user: place.user.trim(),
      jump: place.jump,
      via: parseLabels(place.via) ?? {},
      credential: replace ? toOpener(opener) : undefined,
    };
    change.mutate(
      { name: server.name, json },
      {
        onSuccess: () => {
          toast(t('server.changed', { name: server.name }));
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} size="lg" title={t('edit.title', { name: server.name })}>
      <form onSubmit={submit} className={css.stack}>
        {change.error ? <ProblemPanel error={change.error} /> : null}
        <PlaceFields
          value={place}
          self={server.name}
          change={(part) => setPlace((p) => ({ ...p, ...part }))}
        />
        <Replace on={replace} set={setReplace} />
        {replace && <OpenerFields value={opener} change={(part) => setOpener((o) => ({ ...o, ...part }))} />}
        <Buttons onClose={onClose} pending={change.isPending} action={t('action.save')} />
      </form>
    </Modal>
  );
}

function Buttons(props: { onClose: () => void; pending: boolean; action: string; danger?: boolean }) {
  return (
    <div className={css.row} style={{ justifyContent: 'flex-end' }}>
      <Button variant="default" onClick={props.onClose}>
        {t('action.cancel')}
      </Button>
      <Button type="submit" color={props.danger ? 'danger' : undefined} loading={props.pending}>
        {props.action}
      </Button>
    </div>
  );
}

function Archive({ server, onClose }: DialogProps) {
  const change = useChangeServer();
  const impact = useImpact(server.name);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    change.mutate(
      { name: server.name, verb: 'archive' },
      {
        onSuccess: () => {
          toast(t('server.archived', { name: server.name }));
          onClose();
        },
        onError: toastProblem,
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title={t('server.archive_title', { name: server.name })}>
      <form onSubmit={submit} className={css.stack}>
        <p>{t('server.archive_text')}</p>
        <Loaded from={impact} rows={2}>
          {({ jobs, servers }) => (
            <>
              {jobs.length > 0 && <p>{t('server.archive_jobs', { count: jobs.length })}</p>}
              <NeedsList jobs={jobs} servers={servers} />
            </>
          )}
        </Loaded>
        <Buttons onClose={onClose} pending={change.isPending} action={t('server.archive_action')} danger />
      </form>
    </Modal>
  );
}

function Restore({ server, onClose }: DialogProps) {
  const change = useChangeServer();
  const [opener, setOpener] = useState(noOpener);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    change.mutate(
      { name: server.name, verb: 'restore', json: { credential: toOpener(opener) } },
      {
        onSuccess: () => {
          toast(t('server.restored', { name: server.name }));
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} size="lg" title={t('server.restore_title', { name: server.name })}>
      <form onSubmit={submit} className={css.stack}>
        {change.error ? <ProblemPanel error={change.error} /> : null}
        <p>{t('server.restore_text')}</p>
        <OpenerFields value={opener} change={(part) => setOpener((o) => ({ ...o, ...part }))} />
        <Buttons onClose={onClose} pending={change.isPending} action={t('server.restore_action')} />
      </form>
    </Modal>
  );
}

function Remove({ server, onClose }: DialogProps) {
  const remove = useRemoveServer();
  const navigate = useNavigate();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    remove.mutate(server.name, {
      onSuccess: () => {
        toast(t('server.removed', { name: server.name }));
        void navigate({ to: '/hosts' });
      },
      onError: toastProblem,
    });
  };
  return (
    <Modal opened onClose={onClose} title={t('server.remove_title', { name: server.name })}>
      <form onSubmit={submit} className={css.stack}>
        <p>{t('server.remove_text')}</p>
        <Buttons onClose={onClose} pending={remove.isPending} action={t('server.remove_action')} danger />
      </form>
    </Modal>
  );
}
