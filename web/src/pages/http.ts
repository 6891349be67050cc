// What the form of an HTTP job holds, and how it becomes the definition's request and back.
import { t } from '../i18n';
import { Problem } from '../request';
import type { HTTPRequest } from '../types';

type Method = NonNullable<HTTPRequest['method']>;

export interface HTTPDraft {
  method: Method;
  url: string;
  redirects: string;
  query: string; // name=value, one a line
  headers: string; // Name: value, one a line
  bodyKind: 'none' | 'json' | 'text';
  body: string;
  proxy: string;
  auth: 'none' | 'basic' | 'bearer' | 'api_key';
  username: string;
  password: string;
  token: string;
  keyName: string;
  keyValue: string;
  keyIn: 'header' | 'query';
  status: string; // separated by commas
  maxLatency: string;
  contains: string;
  expectJSON: string; // /pointer = JSON, one a line
  expectHeaders: string;
}

export function blankRequest(): HTTPDraft {
  return {
    method: 'GET',
    url: '',
    redirects: '',
    query: '',
    headers: '',
    bodyKind: 'none',
    body: '',
    proxy: '',
    auth: 'none',
    username: '',
    password: '',
    token: '',
    keyName: '',
    keyValue: '',
    keyIn: 'header',
    status: '',
    maxLatency: '',
    contains: '',
    expectJSON: '',
    expectHeaders: '',
  };
}

const lines = (of: Record<string, unknown> | undefined, between: string, show: (v: unknown) => string) =>
  Object.entries(of ?? {})
    .map(([name, value]) => `${name}${between}${show(value)}`)
    .join('\n');

export function fromRequest(r: HTTPRequest): HTTPDraft {
  const { auth, expect } = r;
  return {
    ...blankRequest(),
    method: r.method ?? 'GET',
    url: r.url,
    redirects: r.redirects ? String(r.redirects) : '',
    query: lines(r.query, '=', String),
    headers: lines(r.headers, ': ', String),
    bodyKind: r.json !== undefined && r.json !== null ? 'json' : r.body ? 'text' : 'none',
    body: r.json !== undefined && r.json !== null ? JSON.stringify(r.json, null, 2) : (r.body ?? ''),
    proxy: r.proxy ?? '',
    auth: auth?.type ?? 'none',
    username: auth?.username ?? '',
    password: auth?.password ?? '',
    token: auth?.token ?? '',
    keyName: auth?.name ?? '',
    keyValue: auth?.value ?? '',
    keyIn: auth?.in ?? 'header',
    status: (expect?.status ?? []).join(', '),
    maxLatency: expect?.max_latency ?? '',
    contains: expect?.contains ?? '',
    expectJSON: lines(expect?.json, ' = ', JSON.stringify),
    expectHeaders: lines(expect?.headers, ': ', String),
  };
}

/** A line that is not even in its field's own form, as the problem that the hub would make of it. */
const unreadable = (field: string, line: string) =>
  new Problem({
    title: t('http.unreadable'),
    status: 422,
    code: 'http_request_invalid',
    detail: t('http.unreadable_line', { line: line.slice(0, 60) }),
    field,
  });

function record<V>(text: string, between: string, field: string, read: (v: string) => V) {
  const out: Record<string, V> = {};
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const at = line.indexOf(between);
    if (at < 0) throw unreadable(field, line);
    try {
      out[line.slice(0, at).trim()] = read(line.slice(at + between.length));
    } catch {
      throw unreadable(field, line);
    }
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

const text = (v: string) => (v.trim() === '' ? undefined : v.trim());
const same = (v: string) => v;
const trimmed = (v: string) => v.trim();

function authOf(d: HTTPDraft): HTTPRequest['auth'] {
  switch (d.auth) {
    case 'none':
      return undefined;
    case 'basic':
      return { type: 'basic', username: d.username, password: d.password || undefined };
    case 'bearer':
      return { type: 'bearer', token: d.token };
    case 'api_key':
      return { type: 'api_key', name: d.keyName.trim(), value: d.keyValue, in: d.keyIn };
  }
}

function bodyOf(d: HTTPDraft): Pick<HTTPRequest, 'body' | 'json'> {
  if (d.bodyKind === 'text') return { body: d.body || undefined };
  if (d.bodyKind === 'none' || d.body.trim() === '') return {};
  try {
    return { json: JSON.parse(d.body) as unknown };
  } catch {
    throw unreadable('spec.http.json', d.body);
  }
}

function expectOf(d: HTTPDraft): HTTPRequest['expect'] {
  const status = d.status.split(/[\s,]+/).filter(Boolean);
  const expect = {
    status: status.length > 0 ? status : undefined,
    max_latency: text(d.maxLatency),
    contains: d.contains || undefined,
    json: record(d.expectJSON, ' = ', 'spec.http.expect.json', (v) => JSON.parse(v) as unknown),
    headers: record(d.expectHeaders, ':', 'spec.http.expect.headers', trimmed),
  };
  return Object.values(expect).some((v) => v !== undefined) ? expect : undefined;
}

/** The request of the definition. Throws a Problem for a line that cannot be read. */
export function toRequest(d: HTTPDraft): HTTPRequest {
  const redirects = d.redirects.trim() === '' ? undefined : Number(d.redirects);
  return {
    method: d.method,
    url: d.url.trim(),
    query: record(d.query, '=', 'spec.http.query', same),
    headers: record(d.headers, ':', 'spec.http.headers', trimmed),
    auth: authOf(d),
    ...bodyOf(d),
    redirects: Number.isNaN(redirects) ? -1 : redirects,
    proxy: text(d.proxy),
    expect: expectOf(d),
  };
}
