import { Button, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { t } from '../i18n';
import { ProblemPanel } from '../ui/Page';
import css from '../ui/ui.module.css';
import { parseLabels } from './AddHost';
import { Connection } from './Connection';
import { noOpener, toOpener, useAddServer, useServer, type OpenerDraft } from './server';
import { OpenerFields, PlaceFields, type PlaceDraft } from './ServerFields';

/** Adds a server, then tests the connection and has its key confirmed. */
export default function AddServer({ onClose }: { onClose: () => void }) {
  const add = useAddServer();
  const [name, setName] = useState('');
  const [place, setPlace] = useState<PlaceDraft>({ address: '', user: '', jump: '', via: '' });
  const [opener, setOpener] = useState<OpenerDraft>(noOpener);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    add.mutate(
      {
        name: name.trim(),
        address: place.address.trim(),
        user: place.user.trim(),
        jump: place.jump || undefined,
        via: parseLabels(place.via),
        credential: toOpener(opener),
      },
      { onSuccess: () => setOpener(noOpener) },
    );
  };
  if (add.data) return <Added name={add.data.name} onClose={onClose} />;
  return (
    <form onSubmit={submit} className={css.stack}>
      {add.error ? <ProblemPanel error={add.error} /> : null}
      <p className={css.muted}>{t('server.add_text')}</p>
      <TextInput
        label={t('field.name')}
        description={t('server.name_help')}
        placeholder="db-1"
        required
        spellCheck={false}
        autoComplete="off"
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <PlaceFields value={place} change={(part) => setPlace((p) => ({ ...p, ...part }))} />
      <OpenerFields value={opener} change={(part) => setOpener((o) => ({ ...o, ...part }))} />
      <div className={css.row} style={{ justifyContent: 'flex-end' }}>
        <Button type="submit" loading={add.isPending}>
          {t('server.add')}
        </Button>
      </div>
    </form>
  );
}

function Added({ name, onClose }: { name: string; onClose: () => void }) {
  const { data } = useServer(name);
  if (!data) return null;
  return (
    <div className={css.stack}>
      <p>{t('server.added', { name })}</p>
      <Connection server={data} />
      <div className={css.row} style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" component={Link} to={`/hosts/servers/${name}`} onClick={onClose}>
          {t('server.to_page')}
        </Button>
        <Button variant={data.state === 'reachable' ? 'filled' : 'default'} onClick={onClose}>
          {t('action.close')}
        </Button>
      </div>
    </div>
  );
}
