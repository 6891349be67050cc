'use strict';
// Makes `cronium` a global name that loads on its first use. Every start of Node in
// a run loads this file: keep it short.

function define(value) {
  Object.defineProperty(globalThis, 'cronium', { value, writable: true, configurable: true, enumerable: false });
  return value;
}

Object.defineProperty(globalThis, 'cronium', {
  get: () => define(require('./cronium.cjs')),
  set: define,
  configurable: true,
  enumerable: false,
});
