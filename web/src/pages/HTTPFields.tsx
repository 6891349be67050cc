import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { t } from '../i18n';
import css from '../ui/ui.module.css';
import form from './form.module.css';
import type { HTTPDraft } from './http';
import type { FieldErrors } from './JobForm';

interface Props {
  value: HTTPDraft;
  change: (part: Partial<HTTPDraft>) => void;
  errors: FieldErrors;
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** The request of an HTTP job, in the place of the script's editor. */
export function HTTPFields(props: Props) {
  return (
    <section className={css.card} aria-label={t('http.request')}>
      <div className={css.stack} style={{ gap: 12 }}>
        <Question {...props} />
        <Auth {...props} />
        <Answer {...props} />
      </div>
    </section>
  );
}

type TextKey = { [K in keyof HTTPDraft]: HTTPDraft[K] extends string ? K : never }[keyof HTTPDraft];

function field({ value, change, errors }: Props) {
  return (key: TextKey, path: string, label: string, placeholder = '', help?: string) => (
    <TextInput
      label={label}
      description={help}
      placeholder={placeholder}
      value={value[key]}
      spellCheck={false}
      autoComplete="off"
      data-field={`spec.http.${path}`}
      error={errors.at(`spec.http.${path}`)}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
}

function area({ value, change, errors }: Props) {
  return (key: TextKey, path: string, label: string, help: string, placeholder = '') => (
    <Textarea
      label={label}
      description={help}
      placeholder={placeholder}
      value={value[key]}
      autosize
      minRows={2}
      maxRows={16}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--font-mono)' } }}
      data-field={`spec.http.${path}`}
      error={errors.at(`spec.http.${path}`)}
      onChange={(e) => change({ [key]: e.currentTarget.value })}
    />
  );
}

function Question(props: Props) {
  const { value, change, errors } = props;
  return (
    <>
      <div className={form.pair}>
        <NativeSelect
          label={t('http.method')}
          data={[...methods]}
          value={value.method}
          data-field="spec.http.method"
          error={errors.at('spec.http.method')}
          onChange={(e) => change({ method: e.currentTarget.value as HTTPDraft['method'] })}
        />
        {field(props)('redirects', 'redirects', t('http.redirects'), '0')}
      </div>
      {field(props)('url', 'url', t('http.url'), 'https://example.com/health', t('http.url_help'))}
      {area(props)('query', 'query', t('http.query'), t('http.query_help'), 'page=1')}
      {area(props)(
        'headers',
        'headers',
        t('http.headers'),
        t('http.headers_help'),
        'Accept: application/json',
      )}
      <NativeSelect
        label={t('http.body_kind')}
        data={(['none', 'json', 'text'] as const).map((kind) => ({
          value: kind,
          label: t(`http.body_${kind}`),
        }))}
        value={value.bodyKind}
        onChange={(e) => change({ bodyKind: e.currentTarget.value as HTTPDraft['bodyKind'] })}
      />
      {value.bodyKind !== 'none' &&
        area(props)('body', value.bodyKind === 'json' ? 'json' : 'body', t('http.body'), t('http.body_help'))}
      {field(props)('proxy', 'proxy', t('http.proxy'), 'http://proxy.example.com:3128')}
    </>
  );
}

function Auth(props: Props) {
  const { value, change, errors } = props;
  const text = field(props);
  return (
    <div className={form.pair}>
      <NativeSelect
        label={t('http.auth')}
        description={t('http.auth_help')}
        data={(['none', 'basic', 'bearer', 'api_key'] as const).map((kind) => ({
          value: kind,
          label: t(`http.auth_${kind}`),
        }))}
        value={value.auth}
        error={errors.at('spec.http.auth.type') ?? errors.at('spec.http.auth')}
        onChange={(e) => change({ auth: e.currentTarget.value as HTTPDraft['auth'] })}
      />
      {value.auth === 'basic' && text('username', 'auth.username', t('http.username'))}
      {value.auth === 'basic' &&
        text('password', 'auth.password', t('http.password'), '${{ inputs.password }}')}
      {value.auth === 'bearer' && text('token', 'auth.token', t('http.token'), '${{ inputs.token }}')}
      {value.auth === 'api_key' && (
        <>
          {text('keyName', 'auth.name', t('http.key_name'), 'X-Api-Key')}
          {text('keyValue', 'auth.value', t('http.key_value'), '${{ inputs.key }}')}
          <NativeSelect
            label={t('http.key_in')}
            data={[
              { value: 'header', label: t('http.in_header') },
              { value: 'query', label: t('http.in_query') },
            ]}
            value={value.keyIn}
            onChange={(e) => change({ keyIn: e.currentTarget.value as HTTPDraft['keyIn'] })}
          />
        </>
      )}
    </div>
  );
}

function Answer(props: Props) {
  const text = field(props);
  return (
    <>
      <h2 className={css.cardTitle} style={{ margin: '8px 0 0' }}>
        {t('http.expect')}
      </h2>
      <div className={form.pair}>
        {text('status', 'expect.status', t('http.status'), '2xx', t('http.status_help'))}
        {text('maxLatency', 'expect.max_latency', t('http.latency'), '2s', t('http.latency_help'))}
      </div>
      {text('contains', 'expect.contains', t('http.contains'))}
      {area(props)(
        'expectJSON',
        'expect.json',
        t('http.expect_json'),
        t('http.expect_json_help'),
        '/status = "ok"',
      )}
      {area(props)('expectHeaders', 'expect.headers', t('http.expect_headers'), t('http.headers_help'))}
    </>
  );
}
