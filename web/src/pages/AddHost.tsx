import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { at, post } from '../request';
import { t } from '../i18n';
import { useHosts, useProject } from '../queries';
import { Time } from '../time/Time';
import type { JoinToken } from '../types';
import { Command, ProblemPanel } from '../ui/Page';
import { Status } from '../ui/Status';
import css from '../ui/ui.module.css';

/** Makes a join token, shows the command, and waits until the host is there. */
export default function AddHost({ onClose }: { onClose: () => void }) {
  const project = useProject();
  const [name, setName] = useState('');
  const [labels, setLabels] = useState('');
  const hosts = useHosts();
  const [known, setKnown] = useState<Map<string, string>>(new Map());
  const create = useMutation({
    mutationFn: () =>
      post<JoinToken>(at('projects', project, 'hosts', 'join-tokens'), {
        name: name.trim() || undefined,
        labels: parseLabels(labels),
      }),
    onMutate: () => setKnown(new Map(hosts.data?.items.map((h) => [h.name, h.connected_at ?? '']))),
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    create.mutate();
  };
  const joined =
    create.data &&
    hosts.data?.items.find((h) => h.state === 'online' && known.get(h.name) !== h.connected_at);
  return (
    <>
      {create.error ? <ProblemPanel error={create.error} /> : null}
      {!create.data ? (
        <form onSubmit={submit} className={css.stack}>
          <p className={css.muted}>{t('hosts.add_text')}</p>
          <TextInput
            label={t('hosts.name')}
            description={t('hosts.name_help')}
            value={name}
            spellCheck={false}
            data-autofocus
            onChange={(e) => setName(e.currentTarget.value)}
          />
          <TextInput
            label={t('job.labels')}
            description={t('hosts.labels_help')}
            placeholder="zone=eu, disk=ssd"
            value={labels}
            spellCheck={false}
            onChange={(e) => setLabels(e.currentTarget.value)}
          />
          <div className={css.row} style={{ justifyContent: 'flex-end' }}>
            <Button type="submit" loading={create.isPending}>
              {t('hosts.make_command')}
            </Button>
          </div>
        </form>
      ) : (
        <div className={css.stack}>
          <p>{t(create.data.command === create.data.manual ? 'hosts.run_this' : 'hosts.install_this')}</p>
          <Command text={create.data.command} />
          {create.data.command !== create.data.manual && (
            <details>
              <summary>{t('hosts.by_hand')}</summary>
              <p className={css.muted}>{t('hosts.by_hand_text')}</p>
              <Command text={create.data.manual} />
            </details>
          )}
          <p className={css.faint}>
            {t('hosts.once')} <Time at={create.data.expires_at} />
          </p>
          <div role="status" className={css.card}>
            {joined ? (
              <Status state="online" word={t('hosts.joined', { name: joined.name })} />
            ) : (
              <Status state="running" word={t('hosts.waiting')} />
            )}
          </div>
          <div className={css.row} style={{ justifyContent: 'flex-end' }}>
            <Button variant={joined ? 'filled' : 'default'} onClick={onClose}>
              {t('action.close')}
            </Button>
          </div>
        </div>
      )}
    </>
  );
}

/** "a=b, c=d" as labels; what has no "=" is a label without a value. */
export function parseLabels(text: string): Record<string, string> | undefined {
  const all = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((p) => {
      const [k = '', ...v] = p.split('=');
      return [k, v.join('=')] as const;
    });
  return all.length > 0 ? Object.fromEntries(all) : undefined;
}
