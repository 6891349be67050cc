import type { ProblemBody } from './types';

/** What the hub said went wrong, or what happened on the way to it. */
export class Problem extends Error {
  readonly body: ProblemBody;
  constructor(body: ProblemBody) {
    super(body.detail || body.title);
    this.body = body;
  }
  get status() {
    return this.body.status;
  }
  get code() {
    return this.body.code;
  }
}

export function asProblem(err: unknown): ProblemBody {
  if (err instanceof Problem) return err.body;
  return { title: 'Something went wrong in this page', status: 0, code: 'page_error', detail: String(err) };
}

interface Answer<T> {
  body: T;
  etag: string | null;
}

interface Options {
  method?: string;
  json?: unknown;
  /** JSON that is written already. */
  body?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let skewMs = 0;
/** Hub clock minus this browser's clock, from the last answer. */
export const hubSkew = () => skewMs;

let signedOut: () => void = () => {};
/** The shell opens a sign-in dialog over the page when a session ends. */
export function onSignedOut(fn: () => void) {
  signedOut = fn;
}

function readClock(headers: Headers, sentAt: number) {
  const hub = Date.parse(headers.get('X-Hub-Time') ?? '');
  if (!Number.isNaN(hub)) skewMs = hub - (sentAt + Date.now()) / 2;
}

async function problemOf(res: Response): Promise<Problem> {
  const requestId = res.headers.get('X-Request-Id') ?? undefined;
  try {
    const body = (await res.json()) as ProblemBody;
    if (body && typeof body.code === 'string')
      return new Problem({ ...body, request_id: body.request_id ?? requestId });
  } catch {
    /* not JSON: a proxy answered */
  }
  return new Problem({
    title: `The hub answered ${res.status}`,
    status: res.status,
    code: 'unexpected_answer',
    request_id: requestId,
    hint: 'If there is a proxy in front of the hub, look at its log.',
  });
}

export async function call<T>(path: string, options: Options = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  const init: RequestInit = {
    method: options.method ?? 'GET',
    headers,
    signal: options.signal,
    credentials: 'same-origin',
  };
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = options.body;
  } else if (options.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(options.json);
  } else if (init.method !== 'GET' && init.method !== 'DELETE') {
    headers['Content-Type'] = 'application/json';
    init.body = '{}';
  }
  const res = await exchange(path, init);
  const body = res.status === 204 ? (undefined as T) : ((await res.json()) as T);
  return { body, etag: res.headers.get('ETag') };
}

/** An answer's JSON as it was written, for what JSON.parse would round. */
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const res = await exchange(path, {
    headers: { Accept: 'application/json' },
    signal,
    credentials: 'same-origin',
  });
  return (await res.text()).trim();
}

async function exchange(path: string, init: RequestInit): Promise<Response> {
  const sentAt = Date.now();
  let res: Response;
  try {
    res = await fetch('/api/v1' + path, init);
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Problem({
      title: 'The hub cannot be reached',
      status: 0,
      code: 'unreachable',
      hint: 'Check the network, or whether the hub is running. The page retries by itself.',
    });
  }
  readClock(res.headers, sentAt);
  if (!res.ok) {
    const problem = await problemOf(res);
    if (res.status === 401 && !path.startsWith('/auth/') && path !== '/setup') signedOut();
    throw problem;
  }
  return res;
}

export const get = async <T>(path: string, signal?: AbortSignal) => (await call<T>(path, { signal })).body;
export const post = async <T>(path: string, json?: unknown) =>
  (await call<T>(path, { method: 'POST', json })).body;
export const del = async (path: string) => (await call<void>(path, { method: 'DELETE' })).body;

/** Joins path segments, each escaped. */
export const at = (...parts: string[]) => '/' + parts.map(encodeURIComponent).join('/');

export function query(params: Record<string, string | number | undefined>) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== '') q.set(k, String(v));
  const text = q.toString();
  return text ? '?' + text : '';
}
