import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { asProblem } from '../request';
import { t } from '../i18n';
import { useDeleteVariable, useMay, usePutVariable, useVariables } from '../queries';
import { Time } from '../time/Time';
import type { Variable } from '../types';
import { indented } from '../ui/json';
import { Empty, Loaded, More, Page, ProblemPanel } from '../ui/Page';
import { toast, toastProblem } from '../ui/toast';
import css from '../ui/ui.module.css';
import { shortId } from './Runs';

export default function Variables() {
  const query = useVariables();
  const mayEdit = useMay('editor');
  const [editing, edit] = useState<Variable | 'new' | null>(null);
  const add = mayEdit && <Button onClick={() => edit('new')}>{t('variables.new')}</Button>;
  return (
    <Page title={t('nav.variables')} actions={add}>
      <p className={css.muted} style={{ marginBottom: 16 }}>
        {t('variables.text')}
      </p>
      <Loaded from={query} rows={4}>
        {({ pages }) => {
          const items = pages.flatMap((p) => p.items);
          if (items.length === 0)
            return <Empty title={t('variables.empty')} command="cronium variables set retries 3" />;
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

/** A person, or the run that has changed it. */
export function By({ who }: { who: string }) {
  if (!/^r_[0-9a-v]{26}$/.test(who)) return <>{who}</>;
  return (
    <Link to="/runs/$id" params={{ id: who }} className={css.mono}>
      {shortId(who)}
    </Link>
  );
}

function Table({
  items,
  mayEdit,
  edit,
}: {
  items: Variable[];
  mayEdit: boolean;
  edit: (v: Variable) => void;
}) {
  const [deleting, setDeleting] = useState<Variable | null>(null);
  return (
    <div className={css.tableWrap}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('field.name')}</th>
            <th scope="col">{t('edit.value')}</th>
            <th scope="col">{t('col.updated')}</th>
            <th scope="col">{t('col.by')}</th>
            {mayEdit && (
              <th scope="col">
                <span className="vh">{t('col.actions')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {items.map((v) => (
            <tr key={v.name}>
              <td className={css.main}>
                <span className={css.mono}>{v.name}</span>
              </td>
              <td data-label={t('edit.value')}>
                <code className={`${css.mono} ${css.clipped}`}>
                  {v.text.length > 200 ? `${v.text.slice(0, 200)}…` : v.text}
                </code>
              </td>
              <td className={css.muted} data-label={t('col.updated')}>
                <Time at={v.updated_at} />
              </td>
              <td className={css.muted} data-label={t('col.by')}>
                <By who={v.updated_by} />
              </td>
              {mayEdit && (
                <td className={css.end} data-wide>
                  <Button variant="subtle" size="compact-sm" onClick={() => edit(v)}>
                    {t('action.edit')}
                    <span className="vh"> {v.name}</span>
                  </Button>
                  <Button variant="subtle" color="danger" size="compact-sm" onClick={() => setDeleting(v)}>
                    {t('action.delete')}
                    <span className="vh"> {v.name}</span>
                  </Button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {deleting && <Delete variable={deleting} onClose={() => setDeleting(null)} />}
    </div>
  );
}

function Delete({ variable, onClose }: { variable: Variable; onClose: () => void }) {
  const remove = useDeleteVariable();
  const go = () =>
    remove.mutate(variable.name, {
      onSuccess: () => {
        toast(t('variables.deleted', { name: variable.name }));
        onClose();
      },
      onError: toastProblem,
    });
  return (
    <Modal opened onClose={onClose} title={t('variables.delete_title', { name: variable.name })}>
      <p>{t('variables.delete_text')}</p>
      <div className={css.row} style={{ justifyContent: 'flex-end', marginTop: 16 }}>
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('action.keep')}
        </Button>
        <Button color="danger" onClick={go} loading={remove.isPending}>
          {t('variables.delete_action')}
        </Button>
      </div>
    </Modal>
  );
}

/** What is JSON is taken as such, everything else as text. */
function jsonOf(given: string): string {
  try {
    JSON.parse(given);
    return given.trim();
  } catch {
    return JSON.stringify(given);
  }
}

function Edit({ was, onClose }: { was: Variable | null; onClose: () => void }) {
  const put = usePutVariable();
  const [name, setName] = useState(was?.name ?? '');
  const [value, setValue] = useState(was ? indented(was.text) : '');
  const fault = put.error ? asProblem(put.error) : null;
  const at = (field: string) =>
    fault?.field === field ? `${fault.detail ?? fault.title} ${fault.hint ?? ''}` : undefined;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    put.mutate(
      { name: name.trim(), json: jsonOf(value) },
      {
        onSuccess: () => {
          toast(t('variables.saved', { name: name.trim() }));
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
      title={was ? t('variables.edit', { name: was.name }) : t('variables.new')}
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
          description={t('variables.value_help')}
          required
          autosize
          minRows={3}
          maxRows={16}
          spellCheck={false}
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
