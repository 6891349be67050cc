import { Button } from '@mantine/core';
import { t } from '../i18n';
import { useMay } from '../queries';
import { Time } from '../time/Time';
import { duration } from '../time/time';
import type { HostKey, Server } from '../types';
import { Command, Note, ProblemPanel } from '../ui/Page';
import { Mark } from '../ui/Status';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { useChangeServer } from './server';

/** Tests the connection, lists what was checked, and asks to confirm a key that nobody has confirmed. */
export function Connection({ server }: { server: Server }) {
  const test = useChangeServer();
  const mayUse = useMay('editor');
  return (
    <div className={css.stack} style={{ gap: 12 }}>
      {server.credential.public_key && (
        <div>
          <p className={css.muted} style={{ marginBottom: 6 }}>
            {t('server.public_key_text', { user: server.user })}
          </p>
          <Command text={server.credential.public_key} />
        </div>
      )}
      {mayUse && (
        <div>
          <Button
            variant={server.checks.length === 0 ? 'filled' : 'default'}
            loading={test.isPending}
            onClick={() => test.mutate({ name: server.name, verb: 'check' })}
          >
            {t('server.test')}
          </Button>
        </div>
      )}
      {test.error ? <ProblemPanel error={test.error} /> : null}
      <div role="status">
        {server.checked_at && (
          <p className={css.faint} style={{ marginBottom: 6 }}>
            {t('server.tested')} <Time at={server.checked_at} />{' '}
            {t('server.tested_by', { agent: server.checked_by ?? '' })}
          </p>
        )}
        <Checks server={server} />
      </div>
      <Keys server={server} />
    </div>
  );
}

function Checks({ server }: { server: Server }) {
  if (server.checks.length === 0) return null;
  return (
    <div className={css.tableWrap} style={{ margin: 0 }}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('server.check')}</th>
            <th scope="col">{t('server.found')}</th>
            <th scope="col" className={css.end}>
              {t('col.duration')}
            </th>
          </tr>
        </thead>
        <tbody>
          {server.checks.map((c, i) => (
            <tr key={i} data-check={c.name}>
              <td>
                <span className={css.row} style={{ flexWrap: 'nowrap' }}>
                  <Mark state={c.ok ? 'succeeded' : 'failed'} />
                  <span>{wordOf(c.name)}</span>
                  <span className="vh">{t(c.ok ? 'state.succeeded' : 'state.failed')}</span>
                </span>
              </td>
              <td data-wide data-second style={{ overflowWrap: 'anywhere' }}>
                {c.detail}
                {!c.ok && c.hint && <div className={css.muted}>{c.hint}</div>}
              </td>
              <td className={`${css.end} ${css.muted}`}>{duration(c.duration_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const known = ['dns', 'tcp', 'host_key', 'auth', 'shell', 'directory', 'runner'] as const;

function wordOf(name: string): string {
  const one = known.find((k) => k === name);
  return one ? t(`check.${one}`) : name;
}

/** A key to confirm; beside the confirmed one when the server shows another. */
function Keys({ server }: { server: Server }) {
  const trust = useChangeServer();
  const mayTrust = useMay('admin');
  const changed = server.state === 'key_mismatch';
  const offered = server.offered_key ?? (changed ? server.host_key : undefined);
  if (!offered) return null;
  const confirm = () =>
    trust.mutate(
      { name: server.name, verb: 'trust', json: { fingerprint: offered.fingerprint } },
      { onSuccess: () => toast(t('server.trusted', { name: server.name })), onError: toastProblem },
    );
  return (
    <Note
      tone={changed ? 'bad' : 'warn'}
      title={t(changed ? 'server.key_changed' : 'server.key_new')}
      live={changed}
    >
      <p>{t(changed ? 'server.key_changed_text' : 'server.key_new_text')}</p>
      <div
        style={{
          display: 'grid',
          gridTemplateColumns: 'repeat(auto-fit, minmax(min(260px, 100%), 1fr))',
          gap: 12,
          margin: '10px 0',
        }}
      >
        {changed && (
          <KeyCard
            title={t('server.key_confirmed')}
            of={server.host_key}
            expected={server.expected_fingerprint}
          />
        )}
        <KeyCard title={t('server.key_shown')} of={offered} />
      </div>
      {mayTrust && (
        <Button size="xs" color={changed ? 'danger' : undefined} loading={trust.isPending} onClick={confirm}>
          {t(changed ? 'server.trust_new' : 'server.trust')}
        </Button>
      )}
    </Note>
  );
}

function KeyCard({ title, of, expected }: { title: string; of?: HostKey; expected?: string }) {
  return (
    <div className={css.card} style={{ padding: 12 }}>
      <h3 className={css.cardTitle} style={{ marginBottom: 4 }}>
        {title}
      </h3>
      <code className={css.mono} style={{ overflowWrap: 'anywhere' }}>
        {of?.fingerprint ?? expected ?? '–'}
      </code>
      {of && (
        <p className={css.faint}>
          {of.type} · <Time at={of.at} /> {of.by}
        </p>
      )}
    </div>
  );
}
