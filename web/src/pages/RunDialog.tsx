import { Button, Checkbox, Modal, NativeSelect, PasswordInput, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { asProblem } from '../request';
import { t } from '../i18n';
import { useJob, useStartRun } from '../queries';
import type { Input, InputValue, Job, ProblemBody } from '../types';
import { Loaded, Note } from '../ui/Page';
import css from '../ui/ui.module.css';

/** Asks for a job's inputs and starts a run. `given` are the inputs of an earlier run. */
export default function RunDialog(props: {
  job: string;
  given?: Record<string, unknown>;
  onClose: () => void;
}) {
  const job = useJob(props.job);
  return (
    <Modal opened onClose={props.onClose} title={t('run_dialog.title', { job: props.job })}>
      <Loaded from={job} rows={2}>
        {({ job }) => <Form {...props} spec={job} />}
      </Loaded>
    </Modal>
  );
}

type Values = Record<string, string | boolean>;

function opening(inputs: Record<string, Input>, given: Record<string, unknown> = {}): Values {
  const out: Values = {};
  for (const [name, input] of Object.entries(inputs)) {
    const value = given[name] ?? (input.secret ? undefined : input.default);
    out[name] = input.type === 'boolean' ? value === true : value === undefined ? '' : String(value);
  }
  return out;
}

/** What was typed as the hub wants it; empty fields are left to their defaults. */
export function resolve(inputs: Record<string, Input>, values: Values): Record<string, InputValue> {
  const out: Record<string, InputValue> = {};
  for (const [name, input] of Object.entries(inputs)) {
    const v = values[name];
    if (typeof v === 'boolean') out[name] = v;
    else if (
      v === undefined ||
      (v === '' && (input.type !== 'string' || input.default !== undefined || input.secret))
    )
      continue;
    else if (v === '' && !input.required) continue;
    else if (input.type === 'integer' || input.type === 'number')
      out[name] = v.trim() !== '' && Number.isFinite(Number(v)) ? Number(v) : v;
    else out[name] = v;
  }
  return out;
}

function Form({
  job,
  given,
  spec,
  onClose,
}: {
  job: string;
  given?: Record<string, unknown>;
  spec: Job;
  onClose: () => void;
}) {
  const inputs = spec.spec.inputs ?? {};
  const [values, setValues] = useState(() => opening(inputs, given));
  const [problem, setProblem] = useState<ProblemBody | null>(null);
  const start = useStartRun();
  const navigate = useNavigate();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setProblem(null);
    start.mutate(
      { job, inputs: resolve(inputs, values) },
      {
        onSuccess: (run) => {
          onClose();
          void navigate({ to: '/runs/$id', params: { id: run.id } });
        },
        onError: (err) => setProblem(asProblem(err)),
      },
    );
  };
  const field = problem?.field?.replace(/^inputs\./, '');
  const names = Object.keys(inputs);
  const known = field !== undefined && names.includes(field);
  return (
    <form onSubmit={submit} className={css.stack}>
      {problem && !known && (
        <Note title={problem.title} live>
          <p>{problem.detail}</p>
          <p className={css.muted}>{problem.hint}</p>
        </Note>
      )}
      {names.length === 0 && <p className={css.muted}>{t('run_dialog.no_inputs')}</p>}
      {names.map((name, i) => (
        <Field
          key={name}
          name={name}
          input={inputs[name] as Input}
          value={values[name] ?? ''}
          first={i === 0}
          error={field === name ? problem?.detail || problem?.title : undefined}
          onChange={(v) => setValues((old) => ({ ...old, [name]: v }))}
        />
      ))}
      <div className={css.row} style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={onClose}>
          {t('action.close')}
        </Button>
        <Button type="submit" loading={start.isPending} data-autofocus={names.length === 0 || undefined}>
          {t('action.run')}
        </Button>
      </div>
    </form>
  );
}

function Field(props: {
  name: string;
  input: Input;
  value: string | boolean;
  first: boolean;
  error?: string;
  onChange: (v: string | boolean) => void;
}) {
  const { name, input, value, error, onChange } = props;
  const common = {
    label: name,
    description: input.description,
    error,
    required: input.required && input.default === undefined,
    'data-autofocus': props.first || undefined,
  };
  if (typeof value === 'boolean')
    return <Checkbox {...common} checked={value} onChange={(e) => onChange(e.currentTarget.checked)} />;
  const placeholder = input.default === undefined || input.secret ? undefined : String(input.default);
  if (input.enum && input.enum.length > 0) {
    const data = input.enum.map(String);
    if (!input.required || input.default !== undefined) data.unshift('');
    return (
      <NativeSelect {...common} data={data} value={value} onChange={(e) => onChange(e.currentTarget.value)} />
    );
  }
  if (input.secret)
    return (
      <PasswordInput
        {...common}
        value={value}
        autoComplete="off"
        onChange={(e) => onChange(e.currentTarget.value)}
        visibilityToggleButtonProps={{ 'aria-label': t('field.show_password') }}
      />
    );
  return (
    <TextInput
      {...common}
      value={value}
      placeholder={placeholder}
      inputMode={input.type === 'integer' ? 'numeric' : input.type === 'number' ? 'decimal' : undefined}
      spellCheck={false}
      onChange={(e) => onChange(e.currentTarget.value)}
    />
  );
}
