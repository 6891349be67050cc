import { expect, test } from 'vitest';
import { blank, fromJob, toDefinition } from './draft';

const job = (spec: object) =>
  fromJob({
    name: 'x',
    labels: {},
    schedules: [],
    spec: { script: { language: 'python', source: '1' }, ...spec },
  } as never);

test('dependencies that were opened in the form and saved are what they were', () => {
  const dependencies = ['attrs', 'tomli>=2; python_version < "3.11"'];
  expect(toDefinition(job({ dependencies })).spec.dependencies).toEqual(dependencies);
  expect(toDefinition({ ...job({}), dependencies: ' requests==2.32.3 \n\n' }).spec.dependencies).toEqual([
    'requests==2.32.3',
  ]);
  expect(toDefinition({ ...blank(), language: 'node' }).spec.dependencies).toBeUndefined();
});

test('what cannot have dependencies has none', () => {
  const draft = { ...job({ dependencies: ['attrs'] }) };
  for (const part of [{ language: 'bash' as const }, { contained: true }, { server: 'db-1' }])
    expect(toDefinition({ ...draft, ...part }).spec.dependencies).toBeUndefined();
});
