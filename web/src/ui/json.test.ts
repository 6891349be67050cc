import { describe, expect, test } from 'vitest';
import { indented } from './json';

describe('indented', () => {
  test('is what JSON.stringify would make of it', () => {
    for (const value of [
      null,
      7,
      'a "quoted" \\ text, {not: [json]}',
      [],
      {},
      [1, [2, []], {}],
      { a: { b: [true, null] }, c: 'ü' },
    ])
      expect(indented(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });
  test('keeps the digits of numbers', () => {
    expect(indented('{"n":9007199254740993,"x":1.0,"e":1e2}')).toBe(
      '{\n  "n": 9007199254740993,\n  "x": 1.0,\n  "e": 1e2\n}',
    );
  });
  test('takes space that is there already', () => {
    expect(indented(' [ 1 , { } ] ')).toBe('[\n  1,\n  {}\n]');
  });
});
