import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { asProblem } from '../request';
import { t } from '../i18n';
import { useDeleteSecret, useMay, usePutSecret, useSecrets } from '../queries';
import { Time } from '../time/Time';
import type { Secret } from '../types';
import { Empty, Loaded, More, Page, ProblemPanel } from '../ui/Page';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { shortId } from './Runs';

export default function Secrets() {
  const query = useSecrets();
  const mayEdit = useMay('editor');
  const [editing, edit] = useState<Secret | 'new' | null>(null);
  const add = mayEdit && <Button onClick={() => edit('new')}>{t('secrets.new')}</Button>;
  return (
    <Page title={t('nav.secrets')} actions={add}>
      <p className={css.muted} style={{ marginBottom: 16 }}>
        {t('secrets.text')}
      </p>
      <Loaded from={query} rows={4}>
        {({ pages }) => {
          const items = pages.flatMap((p) => p.items);
          if (items.length === 0)
            return (
              <Empty title={t('secrets.empty')} command="cronium secrets set DB_PASSWORD < password.txt" />
            );
          return (
            <>
              <Table items={items} mayEdit={mayEdit} edit={edit} />
              <More query={query} />
            </>
          );
        }}
      </Loaded>
      {editing && <Edit was={editing === 'new' ? null : editing} onClose={() => edit(null)} />}
    </Page>
  );
}

function Table({ items, mayEdit, edit }: { items: Secret[]; mayEdit: boolean; edit: (s: Secret) => void }) {
  const [deleting, setDeleting] = useState<Secret | null>(null);
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('field.name')}</th>
            <th scope="col">{t('col.updated')}</th>
            <th scope="col">{t('col.by')}</th>
            <th scope="col">{t('secrets.last_read')}</th>
            {mayEdit && (
              <th scope="col">
                <span className="vh">{t('col.actions')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {items.map((s) => (
            <tr key={s.name}>
              <td className={css.main}>
                <span className={css.mono}>{s.name}</span>
              </td>
              <td className={css.muted} data-label={t('col.updated')}>
                <Time at={s.updated_at} />
              </td>
              <td className={css.muted} data-label={t('col.by')}>
                {s.updated_by}
              </td>
              <td className={css.muted} data-label={t('secrets.last_read')}>
                {s.last_read ? (
                  <>
                    {s.last_read.job}{' '}
                    <Link to="/runs/$id" params={{ id: s.last_read.run }} className={css.mono}>
                      {shortId(s.last_read.run)}
                    </Link>{' '}
                    <Time at={s.last_read.at} />
                  </>
                ) : (
                  t('secrets.never_read')
                )}
              </td>
              {mayEdit && (
                <td className={css.end} data-wide>
                  <Button variant="subtle" size="compact-sm" onClick={() => edit(s)}>
                    {t('secrets.replace')}
                    <span className="vh"> {s.name}</span>
                  </Button>
                  <Button variant="subtle" color="danger" size="compact-sm" onClick={() => setDeleting(s)}>
                    {t('action.delete')}
                    <span className="vh"> {s.name}</span>
                  </Button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {deleting && <Delete secret={deleting} onClose={() => setDeleting(null)} />}
    </div>
  );
}

function Delete({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const remove = useDeleteSecret();
  const go = () =>
    remove.mutate(secret.name, {
      onSuccess: () => {
        toast(t('secrets.deleted', { name: secret.name }));
        onClose();
      },
      onError: toastProblem,
    });
  return (
    <Modal opened onClose={onClose} title={t('secrets.delete_title', { name: secret.name })}>
      <p>{t('secrets.delete_text')}</p>
      <div className={css.row} style={{ justifyContent: 'flex-end', marginTop: 16 }}>
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('action.keep')}
        </Button>
        <Button color="danger" onClick={go} loading={remove.isPending}>
          {t('secrets.delete_action')}
        </Button>
      </div>
    </Modal>
  );
}

function Edit({ was, onClose }: { was: Secret | null; onClose: () => void }) {
  const put = usePutSecret();
  const [name, setName] = useState(was?.name ?? '');
  const [value, setValue] = useState('');
  const fault = put.error ? asProblem(put.error) : null;
  const at = (field: string) =>
    fault?.field === field ? `${fault.detail ?? fault.title} ${fault.hint ?? ''}` : undefined;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    put.mutate(
      { name: name.trim(), value },
      {
        onSuccess: () => {
          toast(t('secrets.saved', { name: name.trim() }));
          onClose();
        },
      },
    );
  };
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={was ? t('secrets.edit', { name: was.name }) : t('secrets.new')}
    >
      {put.error && !at('name') && !at('value') ? <ProblemPanel error={put.error} /> : null}
      <form onSubmit={submit} className={css.stack}>
        {!was && (
          <TextInput
            label={t('field.name')}
            description={t('variables.name_help')}
            required
            spellCheck={false}
            autoComplete="off"
            value={name}
            data-autofocus
            error={at('name')}
            onChange={(e) => setName(e.currentTarget.value)}
          />
        )}
        <Textarea
          label={t('edit.value')}
          description={t('secrets.value_help')}
          required
          autosize
          minRows={2}
          maxRows={12}
          spellCheck={false}
          autoComplete="off"
          value={value}
          error={at('value')}
          onChange={(e) => setValue(e.currentTarget.value)}
        />
        <div className={css.row} style={{ justifyContent: 'flex-end' }}>
          <Button type="submit" loading={put.isPending}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
