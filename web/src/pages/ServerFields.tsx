import { Checkbox, NativeSelect, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { t } from '../i18n';
import css from '../ui/ui.module.css';
import form from './form.module.css';
import { useServers, type OpenerDraft, type OpenerKind } from './server';

interface OpenerProps {
  value: OpenerDraft;
  change: (part: Partial<OpenerDraft>) => void;
}

/** Generate a key, paste one, or a password. */
export function OpenerFields({ value, change }: OpenerProps) {
  return (
    <div className={css.stack} style={{ gap: 12 }}>
      <NativeSelect
        label={t('server.opens')}
        data={(['generate', 'key', 'password'] as const).map((k) => ({
          value: k,
          label: t(`server.by_${k}`),
        }))}
        value={value.kind}
        onChange={(e) => change({ kind: e.currentTarget.value as OpenerKind })}
      />
      {value.kind === 'generate' && <p className={css.muted}>{t('server.generate_text')}</p>}
      {value.kind === 'key' && (
        <>
          <Textarea
            label={t('server.private_key')}
            description={t('server.write_only')}
            required
            rows={5}
            spellCheck={false}
            autoComplete="off"
            placeholder="-----BEGIN OPENSSH PRIVATE KEY-----"
            styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }}
            value={value.privateKey}
            onChange={(e) => change({ privateKey: e.currentTarget.value })}
          />
          <PasswordInput
            label={t('server.passphrase')}
            description={t('server.passphrase_help')}
            autoComplete="off"
            value={value.passphrase}
            visibilityToggleButtonProps={{ 'aria-label': t('field.show_password') }}
            onChange={(e) => change({ passphrase: e.currentTarget.value })}
          />
        </>
      )}
      {value.kind === 'password' && (
        <PasswordInput
          label={t('field.password')}
          description={t('server.write_only')}
          required
          autoComplete="off"
          value={value.password}
          visibilityToggleButtonProps={{ 'aria-label': t('field.show_password') }}
          onChange={(e) => change({ password: e.currentTarget.value })}
        />
      )}
    </div>
  );
}

export interface PlaceDraft {
  address: string;
  user: string;
  jump: string;
  via: string;
}

/** Where a server is and how it is reached. */
export function PlaceFields({
  value,
  change,
  self,
}: {
  value: PlaceDraft;
  change: (part: Partial<PlaceDraft>) => void;
  self?: string;
}) {
  const servers = useServers(false);
  const others = (servers.data?.items ?? []).map((s) => s.name).filter((name) => name !== self);
  const text = (key: 'address' | 'user' | 'via', placeholder: string, required: boolean) => (
    <TextInput
      label={t(`server.${key}`)}
      description={t(`server.${key}_help`)}
      placeholder={placeholder}
      required={required}
      spellCheck={false}
      autoComplete="off"
      value={value[key]}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
  return (
    <>
      <div className={form.pair}>
        {text('address', 'db-1.example.com:22', true)}
        {text('user', 'deploy', true)}
      </div>
      <div className={form.pair}>
        <NativeSelect
          label={t('server.jump')}
          description={t('server.jump_help')}
          data={[
            { value: '', label: t('server.directly') },
            ...new Set([...others, value.jump].filter(Boolean)),
          ]}
          value={value.jump}
          onChange={(e) => change({ jump: e.currentTarget.value })}
        />
        {text('via', 'zone=eu', false)}
      </div>
    </>
  );
}

export function Replace({ on, set }: { on: boolean; set: (on: boolean) => void }) {
  return <Checkbox label={t('server.replace')} checked={on} onChange={(e) => set(e.currentTarget.checked)} />;
}
