import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Clocks and zones have one home (src/time); nothing is ever parsed as HTML.
const banned = [
  {
    selector: 'CallExpression[callee.property.name=/^toLocale/]',
    message: 'Format through src/time or src/i18n.',
  },
  {
    selector: 'CallExpression[callee.property.name=/^get(Hours|Minutes|Date|Day|Month|FullYear)$/]',
    message: 'Use src/time.',
  },
  {
    selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]',
    message: 'Text only.',
  },
  { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Text only.' },
  {
    selector: 'CallExpression[callee.name=/^(confirm|alert|prompt)$/]',
    message: 'Use a dialog that names the consequence.',
  },
];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api.d.ts'] },
  ...tseslint.configs.recommended,
  {
    plugins: { 'react-hooks': hooks },
    rules: { 'react-hooks/rules-of-hooks': 'error', 'react-hooks/exhaustive-deps': 'error' },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/time/**', 'src/i18n/**'],
    rules: { 'no-restricted-syntax': ['error', ...banned] },
  },
  {
    files: ['e2e/**', 'scripts/**'],
    rules: { '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
);
