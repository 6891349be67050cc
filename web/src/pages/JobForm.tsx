import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { lazy, Suspense, type ReactNode } from 'react';
import { t } from '../i18n';
import { zone } from '../time/time';
import type { InputType, Language, ProblemBody } from '../types';
import { Loading } from '../ui/Page';
import css from '../ui/ui.module.css';
import form from './form.module.css';
import {
  hasDependencies,
  newSchedule,
  starters,
  type InputDraft,
  type JobDraft,
  type PairDraft,
} from './draft';
import { HTTPFields } from './HTTPFields';
import { ScheduleFields } from './ScheduleFields';
import { useServers } from './server';

const Code = lazy(() => import('../editor/Code'));

export interface FieldErrors {
  /** The words for a field, or undefined. */
  at: (path: string) => string | undefined;
}

interface Props {
  draft: JobDraft;
  change: (part: Partial<JobDraft>) => void;
  isNew: boolean;
  problem: ProblemBody | null;
  field: string;
}

export function JobForm({ draft, change, isNew, problem, field }: Props) {
  const errors: FieldErrors = {
    at: (path) =>
      problem && field === path
        ? [problem.detail || problem.title, problem.hint].filter(Boolean).join(' ')
        : undefined,
  };
  const language = (next: Language | 'http') =>
    change({
      language: next,
      source:
        next !== 'http' && Object.values(starters).includes(draft.source) ? starters[next] : draft.source,
    });
  const scriptError = errors.at('spec.script.source') ?? errors.at('spec.script');
  return (
    <div className={form.layout}>
      <div className={css.stack}>
        <section className={css.card}>
          <div className={form.pair}>
            <TextInput
              label={t('edit.name')}
              description={t(isNew ? 'edit.name_help' : 'edit.name_fixed')}
              value={draft.name}
              disabled={!isNew}
              required={isNew}
              spellCheck={false}
              autoComplete="off"
              data-field="metadata.name"
              error={errors.at('metadata.name') ?? errors.at('name')}
              onChange={(e) => change({ name: e.currentTarget.value })}
            />
            <NativeSelect
              label={t('job.language')}
              description={t('edit.language_help')}
              data={(['bash', 'python', 'node', 'http'] as const).map((l) => ({
                value: l,
                label: t(`lang.${l}`),
              }))}
              value={draft.language}
              data-field="spec.script.language"
              error={errors.at('spec.script.language')}
              onChange={(e) => language(e.currentTarget.value as Language | 'http')}
            />
          </div>
        </section>
        {draft.language === 'http' ? (
          <HTTPFields
            value={draft.http}
            change={(part) => change({ http: { ...draft.http, ...part } })}
            errors={errors}
          />
        ) : (
          <section aria-label={t('job.script')}>
            <Suspense fallback={<Loading rows={8} />}>
              <Code
                value={draft.source}
                language={draft.language}
                label={t('job.script')}
                invalid={scriptError !== undefined}
                onChange={(source) => change({ source })}
              />
            </Suspense>
            {scriptError && (
              <p className={form.error} role="alert">
                {scriptError}
              </p>
            )}
            <p className={css.faint} style={{ marginTop: 6 }}>
              {t('edit.keys')}
            </p>
          </section>
        )}
        <Schedules draft={draft} change={change} errors={errors} />
      </div>
      <div className={css.stack}>
        <Inputs list={draft.inputs} set={(inputs) => change({ inputs })} errors={errors} />
        <Target draft={draft} change={change} errors={errors} />
        <Limits draft={draft} change={change} errors={errors} />
        {draft.server === '' && !draft.servers && draft.language !== 'http' && (
          <Container draft={draft} change={change} errors={errors} />
        )}
        {hasDependencies(draft) && <Dependencies draft={draft} change={change} errors={errors} />}
        <Pairs
          title={t('job.env')}
          help={t('edit.env_help')}
          list={draft.env}
          set={(env) => change({ env })}
          path="spec.env"
          errors={errors}
          names={[t('edit.variable'), t('edit.value')]}
          add={t('edit.add_variable')}
        />
        <Secrets list={draft.secrets} set={(secrets) => change({ secrets })} errors={errors} />
        <Pairs
          title={t('job.labels')}
          help={t('edit.labels_help')}
          list={draft.labels}
          set={(labels) => change({ labels })}
          path="metadata.labels"
          errors={errors}
          names={[t('edit.label'), t('edit.value')]}
          add={t('edit.add_label')}
        />
      </div>
    </div>
  );
}

function Section({ title, help, children }: { title: string; help?: string; children: ReactNode }) {
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle} style={{ marginBottom: help ? 2 : 12 }}>
        {title}
      </h2>
      {help && (
        <p className={css.faint} style={{ marginBottom: 12 }}>
          {help}
        </p>
      )}
      {children}
    </section>
  );
}

const several = '*'; // no server has this name

/** A server by its name, several of them, or hosts by their labels. */
function Target({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const servers = useServers(false);
  const names = (servers.data?.items ?? []).map((s) => s.name);
  const error = errors.at('spec.target.server') ?? errors.at('spec.target');
  const place = draft.servers ? several : draft.server;
  const choose = (names.length > 0 || place !== '') && (
    <NativeSelect
      label={t('edit.place')}
      data={[
        { value: '', label: t('edit.place_labels') },
        { value: several, label: t('edit.place_servers') },
        ...[...new Set([...names, draft.server])]
          .filter(Boolean)
          .map((name) => ({ value: name, label: t('edit.place_server', { name }) })),
      ]}
      value={place}
      data-field="spec.target.server"
      error={error}
      onChange={(e) => {
        const next = e.currentTarget.value;
        change(
          next === several
            ? { server: '', servers: draft.server === '' ? [] : [draft.server] }
            : { server: next, servers: null },
        );
      }}
    />
  );
  if (draft.servers) {
    return (
      <Section title={t('job.runs_on')} help={t('edit.servers_help')}>
        <div className={css.stack} style={{ gap: 8 }}>
          {choose}
          <ServerList
            names={names}
            chosen={draft.servers}
            set={(list) => change({ servers: list })}
            error={errors.at('spec.target.servers')}
          />
          <FanOut draft={draft} change={change} errors={errors} />
        </div>
      </Section>
    );
  }
  if (draft.server !== '') {
    return (
      <Section title={t('job.runs_on')} help={t('edit.server_help')}>
        {choose}
      </Section>
    );
  }
  return (
    <Pairs
      title={t('job.runs_on')}
      help={t('edit.target_help')}
      first={
        <>
          {choose}
          <Checkbox
            label={t('edit.all_hosts')}
            checked={draft.all}
            onChange={(e) => change({ all: e.currentTarget.checked })}
          />
          {draft.all && <FanOut draft={draft} change={change} errors={errors} />}
        </>
      }
      list={draft.target}
      set={(target) => change({ target })}
      path="spec.target.labels"
      errors={errors}
      names={[t('edit.label'), t('edit.value')]}
      add={t('edit.add_label')}
    />
  );
}

/** Servers to choose from; those that are chosen come first, in the order of their turns. */
function ServerList(props: {
  names: string[];
  chosen: string[];
  set: (list: string[]) => void;
  error?: string;
}) {
  const { names, chosen, set } = props;
  return (
    <fieldset className={form.box} data-field="spec.target.servers">
      <legend className="vh">{t('edit.place_servers')}</legend>
      {[...chosen, ...names.filter((n) => !chosen.includes(n))].map((name) => (
        <Checkbox
          key={name}
          label={name}
          checked={chosen.includes(name)}
          onChange={(e) =>
            set(e.currentTarget.checked ? [...chosen, name] : chosen.filter((n) => n !== name))
          }
        />
      ))}
      {props.error && <p className={form.error}>{props.error}</p>}
    </fieldset>
  );
}

/** How it goes from target to target. */
function FanOut({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const field = (key: 'maxParallel' | 'maxFailures' | 'startWithin', path: string, placeholder: string) => (
    <TextInput
      label={t(`edit.${key}`)}
      placeholder={placeholder}
      value={draft[key]}
      spellCheck={false}
      data-field={path}
      error={errors.at(path)}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
  return (
    <>
      <div className={form.pair}>
        {field('maxParallel', 'spec.fan_out.max_parallel', '100%')}
        {field('maxFailures', 'spec.fan_out.max_failures', t('edit.any'))}
        {field('startWithin', 'spec.fan_out.start_within', '10m')}
      </div>
      <p className={css.faint}>{t('edit.fan_out_help')}</p>
    </>
  );
}

function Limits({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const container = draft.image.trim() !== '';
  const field = (
    key: 'memory' | 'cpus' | 'processes' | 'fileSize' | 'workspace',
    path: string,
    placeholder: string,
  ) => (
    <TextInput
      label={t(`edit.${key}`)}
      placeholder={placeholder}
      value={draft[key]}
      spellCheck={false}
      data-field={path}
      error={errors.at(path)}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
  return (
    <Section title={t('edit.limits')} help={t('edit.limits_help')}>
      <div className={form.pair}>
        <TextInput
          label={t('job.timeout')}
          placeholder="1h"
          value={draft.timeout}
          data-field="spec.timeout"
          error={errors.at('spec.timeout')}
          onChange={(e) => change({ timeout: e.currentTarget.value })}
        />
        <TextInput
          label={t('job.retries')}
          placeholder="0"
          inputMode="numeric"
          value={draft.retries}
          data-field="spec.retries.max"
          error={errors.at('spec.retries.max') ?? errors.at('spec.retries')}
          onChange={(e) => change({ retries: e.currentTarget.value })}
        />
        <NativeSelect
          label={t('edit.backoff')}
          data={[
            { value: 'exponential', label: t('edit.exponential') },
            { value: 'linear', label: t('edit.linear') },
            { value: 'fixed', label: t('edit.fixed') },
          ]}
          value={draft.backoff}
          error={errors.at('spec.retries.backoff')}
          onChange={(e) => change({ backoff: e.currentTarget.value as JobDraft['backoff'] })}
        />
        <TextInput
          label={t('edit.delay')}
          placeholder="10s"
          value={draft.delay}
          data-field="spec.retries.delay"
          error={errors.at('spec.retries.delay')}
          onChange={(e) => change({ delay: e.currentTarget.value })}
        />
        {field('memory', 'spec.limits.memory', container ? '512MiB' : t('edit.of_host'))}
        {field('cpus', 'spec.limits.cpus', container ? t('edit.cpus_all') : t('edit.of_host'))}
        {field('processes', 'spec.limits.processes', container ? '256' : t('edit.of_host'))}
        {field('fileSize', 'spec.limits.file_size', container ? t('edit.any') : t('edit.of_host'))}
        {field('workspace', 'spec.limits.workspace', container ? t('edit.any') : t('edit.of_host'))}
      </div>
      {errors.at('spec.limits') && <p className={form.error}>{errors.at('spec.limits')}</p>}
    </Section>
  );
}

function Container({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const field = (key: 'image' | 'network', path: string, placeholder: string) => (
    <TextInput
      label={t(`edit.${key}`)}
      placeholder={placeholder}
      value={draft[key]}
      spellCheck={false}
      data-field={path}
      error={errors.at(path)}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
  return (
    <Section title={t('job.container')} help={t('edit.container_help')}>
      <Checkbox
        label={t('edit.contained')}
        checked={draft.contained}
        onChange={(e) => change({ contained: e.currentTarget.checked })}
      />
      <div className={form.pair}>
        {draft.contained && (
          <>
            {field('image', 'spec.container.image', t('edit.image_default'))}
            <NativeSelect
              label={t('edit.pull')}
              data={(['missing', 'always', 'never'] as const).map((value) => ({
                value,
                label: t(`edit.pull_${value}`),
              }))}
              value={draft.pull}
              error={errors.at('spec.container.pull')}
              onChange={(e) => change({ pull: e.currentTarget.value as JobDraft['pull'] })}
            />
            {field('network', 'spec.container.network', 'bridge')}
          </>
        )}
      </div>
    </Section>
  );
}

const replaced = <T,>(list: T[], i: number, part: Partial<T>) =>
  list.map((x, k) => (k === i ? { ...x, ...part } : x));
const without = <T,>(list: T[], i: number) => list.filter((_, k) => k !== i);

function Pairs(props: {
  title: string;
  help: string;
  first?: ReactNode;
  list: PairDraft[];
  set: (list: PairDraft[]) => void;
  path: string;
  errors: FieldErrors;
  names: [string, string];
  add: string;
}) {
  const { list, set, path, errors, names } = props;
  return (
    <Section title={props.title} help={props.help}>
      <div className={css.stack} style={{ gap: 8 }}>
        {props.first}
        {list.map((p, i) => (
          <div key={i} className={form.item}>
            <TextInput
              label={i === 0 ? names[0] : undefined}
              aria-label={names[0]}
              value={p.key}
              spellCheck={false}
              data-field={`${path}.${p.key}`}
              error={errors.at(`${path}.${p.key}`)}
              onChange={(e) => set(replaced(list, i, { key: e.currentTarget.value }))}
            />
            <TextInput
              label={i === 0 ? names[1] : undefined}
              aria-label={names[1]}
              value={p.value}
              spellCheck={false}
              onChange={(e) => set(replaced(list, i, { value: e.currentTarget.value }))}
            />
            <Remove name={p.key} labelled={i === 0} onClick={() => set(without(list, i))} />
          </div>
        ))}
        {errors.at(path) && <p className={form.error}>{errors.at(path)}</p>}
        <Button
          variant="default"
          size="xs"
          onClick={() => set([...list, { key: '', value: '' }])}
          style={{ alignSelf: 'flex-start' }}
        >
          {props.add}
        </Button>
      </div>
    </Section>
  );
}

/** The problem of one line has the line's number in its path. */
function Dependencies({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const lines = draft.dependencies.split('\n').filter((line) => line.trim() !== '');
  const error = ['', ...lines.map((_, i) => `.${i}`)]
    .map((at) => errors.at(`spec.dependencies${at}`))
    .find(Boolean);
  return (
    <Section title={t('job.dependencies')} help={t('edit.dependencies_help')}>
      <Textarea
        aria-label={t('job.dependencies')}
        placeholder={draft.language === 'node' ? 'left-pad@1.3.0' : 'requests==2.32.3'}
        value={draft.dependencies}
        autosize
        minRows={2}
        maxRows={12}
        spellCheck={false}
        data-field="spec.dependencies"
        error={error}
        onChange={(e) => change({ dependencies: e.currentTarget.value })}
      />
    </Section>
  );
}

function Secrets({
  list,
  set,
  errors,
}: {
  list: string[];
  set: (list: string[]) => void;
  errors: FieldErrors;
}) {
  return (
    <Section title={t('nav.secrets')} help={t('edit.secrets_help')}>
      <div className={css.stack} style={{ gap: 8 }}>
        {list.map((name, i) => (
          <div key={i} className={form.named}>
            <TextInput
              aria-label={t('edit.secret_name')}
              placeholder="DB_PASSWORD"
              value={name}
              spellCheck={false}
              autoComplete="off"
              onChange={(e) => set(list.map((x, k) => (k === i ? e.currentTarget.value : x)))}
            />
            <Remove name={name} labelled={false} onClick={() => set(without(list, i))} />
          </div>
        ))}
        {errors.at('spec.secrets') && <p className={form.error}>{errors.at('spec.secrets')}</p>}
        <Button
          variant="default"
          size="xs"
          data-field="spec.secrets"
          onClick={() => set([...list, ''])}
          style={{ alignSelf: 'flex-start' }}
        >
          {t('edit.add_secret')}
        </Button>
      </div>
    </Section>
  );
}

function Remove({ name, labelled, onClick }: { name: string; labelled: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      className={css.copy}
      style={{ height: 36, marginTop: labelled ? 20 : 0 }}
      aria-label={t('action.remove_name', { name })}
      onClick={onClick}
    >
      ×
    </button>
  );
}

const types: InputType[] = ['string', 'integer', 'number', 'boolean'];

function Inputs({
  list,
  set,
  errors,
}: {
  list: InputDraft[];
  set: (list: InputDraft[]) => void;
  errors: FieldErrors;
}) {
  return (
    <Section title={t('job.inputs')} help={t('edit.inputs_help')}>
      <div className={css.stack} style={{ gap: 12 }}>
        {list.map((i, k) => {
          const path = `spec.inputs.${i.name}`;
          const patch = (part: Partial<InputDraft>) => set(replaced(list, k, part));
          return (
            <fieldset key={k} className={form.box}>
              <legend className="vh">{i.name || t('edit.input')}</legend>
              <div className={form.item}>
                <TextInput
                  label={t('edit.input_name')}
                  value={i.name}
                  spellCheck={false}
                  data-field={path}
                  error={errors.at(path)}
                  onChange={(e) => patch({ name: e.currentTarget.value })}
                />
                <NativeSelect
                  label={t('edit.input_type')}
                  data={types.map((x) => ({ value: x, label: t(`input.${x}`) }))}
                  value={i.type}
                  error={errors.at(`${path}.type`)}
                  onChange={(e) => patch({ type: e.currentTarget.value as InputType, value: '' })}
                />
                <Remove name={i.name} labelled onClick={() => set(without(list, k))} />
              </div>
              {i.type === 'boolean' ? (
                <NativeSelect
                  label={t('edit.default')}
                  data={[{ value: '', label: t('edit.no_default') }, 'true', 'false']}
                  value={i.value}
                  onChange={(e) => patch({ value: e.currentTarget.value })}
                />
              ) : (
                <TextInput
                  label={t('edit.default')}
                  value={i.value}
                  disabled={i.secret}
                  spellCheck={false}
                  data-field={`${path}.default`}
                  error={errors.at(`${path}.default`)}
                  onChange={(e) => patch({ value: e.currentTarget.value })}
                />
              )}
              <TextInput
                label={t('edit.description')}
                value={i.description}
                onChange={(e) => patch({ description: e.currentTarget.value })}
              />
              <div className={css.row} style={{ gap: 16 }}>
                <Checkbox
                  label={t('edit.required')}
                  checked={i.required}
                  onChange={(e) => patch({ required: e.currentTarget.checked })}
                />
                <Checkbox
                  label={t('edit.secret')}
                  checked={i.secret}
                  onChange={(e) =>
                    patch({ secret: e.currentTarget.checked, value: e.currentTarget.checked ? '' : i.value })
                  }
                />
              </div>
            </fieldset>
          );
        })}
        {errors.at('spec.inputs') && <p className={form.error}>{errors.at('spec.inputs')}</p>}
        <Button
          variant="default"
          size="xs"
          onClick={() =>
            set([
              ...list,
              { name: '', type: 'string', value: '', required: false, secret: false, description: '' },
            ])
          }
          style={{ alignSelf: 'flex-start' }}
        >
          {t('edit.add_input')}
        </Button>
      </div>
    </Section>
  );
}

function Schedules({
  draft,
  change,
  errors,
}: {
  draft: JobDraft;
  change: Props['change'];
  errors: FieldErrors;
}) {
  const list = draft.schedules;
  return (
    <Section title={t('nav.schedules')}>
      <div className={css.stack} style={{ gap: 12 }}>
        {list.map((s, i) => (
          <ScheduleFields
            key={i}
            index={i}
            value={s}
            errors={errors}
            onChange={(part) => change({ schedules: replaced(list, i, part) })}
            onRemove={() => change({ schedules: without(list, i) })}
          />
        ))}
        {errors.at('spec.schedules') && <p className={form.error}>{errors.at('spec.schedules')}</p>}
        <Button
          variant="default"
          size="xs"
          onClick={() => change({ schedules: [...list, newSchedule(list.length, zone)] })}
          style={{ alignSelf: 'flex-start' }}
        >
          {t('job.add_schedule')}
        </Button>
      </div>
    </Section>
  );
}
