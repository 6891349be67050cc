import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { asProblem, get, post } from '../request';
import { t } from '../i18n';
import type { Me, ProblemBody } from '../types';
import { Loaded, Note } from '../ui/Page';
import { css, Gate } from './Gate';

export default function Setup() {
  const state = useQuery({ queryKey: ['setup'], queryFn: () => get<{ needed: boolean }>('/setup') });
  return (
    <Gate title={t('setup.title')} text={t('setup.text')}>
      <Loaded from={state} rows={4}>
        {({ needed }) => (needed ? <Form /> : <Done />)}
      </Loaded>
    </Gate>
  );
}

function Done() {
  return (
    <p style={{ marginTop: 16 }}>
      {t('setup.done')} <Link to="/login">{t('action.sign_in')}</Link>
    </p>
  );
}

function Form() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [form, setForm] = useState({ code: '', email: '', name: '', password: '' });
  const [problem, setProblem] = useState<ProblemBody | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (key: keyof typeof form) => (e: { currentTarget: { value: string } }) => {
    const { value } = e.currentTarget;
    setForm((f) => ({ ...f, [key]: value }));
  };
  const at = (field: string) =>
    problem?.field === field ? [problem.detail, problem.hint].filter(Boolean).join(' ') : undefined;
  const known = problem?.field !== undefined && problem.field in form;
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const me = await post<Me>('/setup', { ...form, code: form.code.trim(), name: form.name || undefined });
      queries.setQueryData(['me'], me);
      await navigate({ to: '/jobs' });
    } catch (err) {
      setProblem(asProblem(err));
      setBusy(false);
    }
  };
  return (
    <form className={css.fields} onSubmit={(e) => void submit(e)}>
      {problem && !known && (
        <Note title={problem.title} live>
          {problem.detail && <p>{problem.detail}</p>}
          {problem.hint && <p>{problem.hint}</p>}
        </Note>
      )}
      <TextInput
        label={t('setup.code')}
        description={t('setup.code_help')}
        name="code"
        required
        autoComplete="one-time-code"
        spellCheck={false}
        value={form.code}
        onChange={set('code')}
        error={at('code')}
      />
      <TextInput
        label={t('field.email')}
        name="email"
        type="email"
        required
        autoComplete="username"
        value={form.email}
        onChange={set('email')}
        error={at('email')}
      />
      <TextInput
        label={t('field.name')}
        name="name"
        autoComplete="name"
        value={form.name}
        onChange={set('name')}
        error={at('name')}
      />
      <PasswordInput
        label={t('field.password')}
        name="password"
        required
        autoComplete="new-password"
        value={form.password}
        onChange={set('password')}
        error={at('password')}
        visibilityToggleButtonProps={{ 'aria-label': t('field.show_password') }}
      />
      <Button type="submit" loading={busy}>
        {t('setup.action')}
      </Button>
    </form>
  );
}
