import { Button, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { t } from '../i18n';
import { useCreateToken, useRevokeToken, useTokens } from '../queries';
import { Time } from '../time/Time';
import type { Token } from '../types';
import { Command, Empty, Loaded, Page, ProblemPanel } from '../ui/Page';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';

export default function Tokens() {
  const query = useTokens();
  const [creating, setCreating] = useState(false);
  const add = <Button onClick={() => setCreating(true)}>{t('tokens.new')}</Button>;
  return (
    <Page title={t('nav.tokens')} actions={add}>
      <p className={css.muted} style={{ marginBottom: 16 }}>
        {t('tokens.text')}
      </p>
      <Loaded from={query} rows={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty
              title={t('tokens.empty')}
              command={`cronium login ${location.origin} --email you@example.org`}
            />
          ) : (
            <Table items={items} />
          )
        }
      </Loaded>
      {creating && <Create onClose={() => setCreating(false)} />}
    </Page>
  );
}

function Table({ items }: { items: Token[] }) {
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('field.name')}</th>
            <th scope="col">{t('col.created')}</th>
            <th scope="col">{t('tokens.expires')}</th>
            <th scope="col">{t('tokens.last_used')}</th>
            <th scope="col">
              <span className="vh">{t('col.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((k) => (
            <tr key={k.id}>
              <td className={css.main}>
                {k.name} <span className={`${css.mono} ${css.muted}`}>cro_{k.id}_…</span>
              </td>
              <td className={css.muted} data-label={t('col.created')}>
                <Time at={k.created_at} />
              </td>
              <td className={css.muted} data-label={t('tokens.expires')}>
                <Time at={k.expires_at} />
              </td>
              <td className={css.muted} data-label={t('tokens.last_used')}>
                {k.last_used_at ? <Time at={k.last_used_at} /> : t('tokens.never_used')}
              </td>
              <td className={css.end} data-wide>
                <Button variant="subtle" color="danger" size="compact-sm" onClick={() => setRevoking(k)}>
                  {t('tokens.revoke')}
                  <span className="vh"> {k.name}</span>
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {revoking && <Revoke token={revoking} onClose={() => setRevoking(null)} />}
    </div>
  );
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const revoke = useRevokeToken();
  const go = () =>
    revoke.mutate(token.id, {
      onSuccess: () => {
        toast(t('tokens.revoked', { name: token.name }));
        onClose();
      },
      onError: toastProblem,
    });
  return (
    <Modal opened onClose={onClose} title={t('tokens.revoke_title', { name: token.name })}>
      <p>{t('tokens.revoke_text')}</p>
      <div className={css.row} style={{ justifyContent: 'flex-end', marginTop: 16 }}>
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('action.keep')}
        </Button>
        <Button color="danger" onClick={go} loading={revoke.isPending}>
          {t('tokens.revoke_action')}
        </Button>
      </div>
    </Modal>
  );
}

const lifetimes = ['24h', '720h', '2160h', '8760h'] as const;

function Create({ onClose }: { onClose: () => void }) {
  const create = useCreateToken();
  const [name, setName] = useState('');
  const [expires, setExpires] = useState<string>('2160h');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    create.mutate({ name: name.trim(), expires_in: expires });
  };
  return (
    <Modal opened onClose={onClose} size="lg" title={t('tokens.new')} closeOnClickOutside={!create.data}>
      {create.error ? <ProblemPanel error={create.error} /> : null}
      {create.data ? (
        <div className={css.stack}>
          <p>{t('tokens.once')}</p>
          <Command text={create.data.token} />
          <div className={css.row} style={{ justifyContent: 'flex-end' }}>
            <Button onClick={onClose}>{t('tokens.copied')}</Button>
          </div>
        </div>
      ) : (
        <form onSubmit={submit} className={css.stack}>
          <TextInput
            label={t('field.name')}
            description={t('tokens.name_help')}
            required
            value={name}
            data-autofocus
            onChange={(e) => setName(e.currentTarget.value)}
          />
          <NativeSelect
            label={t('tokens.expires')}
            data={lifetimes.map((l) => ({ value: l, label: t(`tokens.life.${l}`) }))}
            value={expires}
            onChange={(e) => setExpires(e.currentTarget.value)}
          />
          <div className={css.row} style={{ justifyContent: 'flex-end' }}>
            <Button type="submit" loading={create.isPending}>
              {t('tokens.create')}
            </Button>
          </div>
        </form>
      )}
    </Modal>
  );
}
