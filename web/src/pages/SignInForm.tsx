import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { asProblem, post } from '../request';
import { t } from '../i18n';
import type { Me, ProblemBody } from '../types';
import { Note } from '../ui/Page';
import css from '../ui/shell.module.css';

export function SignInForm({ email: known = '', onDone }: { email?: string; onDone: (me: Me) => void }) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<ProblemBody | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      onDone(await post<Me>('/auth/login', { email, password }));
    } catch (err) {
      setProblem(asProblem(err));
      setBusy(false);
    }
  };
  return (
    <form className={css.fields} onSubmit={(e) => void submit(e)}>
      {problem && (
        <Note title={problem.title} live>
          {problem.detail && problem.detail !== problem.title && <p>{problem.detail}</p>}
          {problem.retry_after ? (
            <p>{t('login.wait', { count: Math.ceil(problem.retry_after) })}</p>
          ) : (
            problem.hint && <p>{problem.hint}</p>
          )}
        </Note>
      )}
      <TextInput
        label={t('field.email')}
        type="email"
        name="email"
        autoComplete="username"
        required
        value={email}
        onChange={(e) => setEmail(e.currentTarget.value)}
        data-autofocus={!known || undefined}
      />
      <PasswordInput
        label={t('field.password')}
        name="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        visibilityToggleButtonProps={{ 'aria-label': t('field.show_password') }}
      />
      <Button type="submit" loading={busy}>
        {t('action.sign_in')}
      </Button>
    </form>
  );
}
