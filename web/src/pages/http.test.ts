import { expect, test } from 'vitest';
import { Problem } from '../request';
import { blankRequest, fromRequest, toRequest } from './http';

test('a request that was opened in the form and saved is what it was', () => {
  const request = {
    method: 'POST',
    url: 'https://example.com/a?b=c',
    query: { q: ' a = b ', page: '1' },
    headers: { Accept: 'text/plain', 'X-Time': '10:30' },
    auth: { type: 'api_key', name: 'X-Key', value: '${{ inputs.key }}', in: 'header' },
    json: { id: 7, list: [1, null, 'x'] },
    redirects: 3,
    proxy: 'http://proxy.example.com:3128',
    expect: {
      status: ['200', '3xx'],
      max_latency: '2s',
      contains: ' ok ',
      json: { '': { a: 1 }, '/a=b': 'x = y', '/n': null },
      headers: { 'Content-Type': 'application/json' },
    },
  } as const;
  expect(toRequest(fromRequest(request as never))).toEqual(request);
  const text = {
    method: 'PUT',
    url: 'http://x',
    body: ' as it is\n',
    auth: { type: 'basic', username: 'ada', password: 'p' },
  };
  expect(JSON.parse(JSON.stringify(toRequest(fromRequest(text as never))))).toEqual(text);
});

test('a line that cannot be read names its field', () => {
  const of = (part: object) => {
    try {
      toRequest({ ...blankRequest(), url: 'http://x', ...part });
    } catch (err) {
      return (err as Problem).body.field;
    }
  };
  expect(of({ headers: 'no colon' })).toBe('spec.http.headers');
  expect(of({ query: 'alone' })).toBe('spec.http.query');
  expect(of({ expectJSON: '/a = not json' })).toBe('spec.http.expect.json');
  expect(of({ bodyKind: 'json', body: '{' })).toBe('spec.http.json');
});
