import i18next from 'i18next';
import { en, type Key } from './en';

// One language so far; every string is here from the first day, with the plural rules of Intl.
void i18next.init({
  lng: 'en',
  resources: { en: { translation: en } },
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false },
  initAsync: false,
  showSupportNotice: false,
} as Parameters<typeof i18next.init>[0]);

type Plain<K> = K extends `${infer Base}_one` | `${infer Base}_other` ? Base : K;
export type Word = Plain<Key>;

export function t(key: Word, values?: Record<string, string | number>): string {
  return i18next.t(key as string, values ?? {}) as string;
}

const numbers = new Intl.NumberFormat('en');
/** 1,204 */
export const number = (n: number) => numbers.format(n);
