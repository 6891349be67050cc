'use strict';
// What a script and its run say to each other; the page on scripts explains it.
//
// cronium.f(…) waits for the answer, cronium.async.f(…) promises it. Both make the
// same requests. The first call connects to the runner, which is the script's parent.
// A call that has returned has happened; every failure is a cronium.Error.

const { Worker, MessageChannel, receiveMessageOnPort } = require('worker_threads');
const { Connection, patience } = require('./connection.cjs');

const limit = (1 << 20) + (64 << 10); // bytes of a request

class CroniumError extends Error {
  constructor({ code, title, detail = '', hint = '' }) {
    super(`${code}: ${detail || title}` + (hint && `\nhint: ${hint}`));
    this.name = 'CroniumError';
    Object.assign(this, { code, title, detail, hint });
  }
}

const problem = {
  notInARun: (name = 'CRONIUM_SOCKET') => new CroniumError({
    code: 'not_in_a_run', title: 'There is no run to speak for', detail: `${name} is not set`,
    hint: 'Call it from the script of a run, which has CRONIUM_SOCKET in its environment.',
  }),
  unreachable: (detail) => new CroniumError({
    code: 'runner_unreachable', title: "The run's runner does not answer", detail,
    hint: 'Whether the call happened is not known; repeat it only if it may happen twice.',
  }),
  args: (detail) => new CroniumError({
    code: 'args_invalid', title: 'The arguments of the call are wrong', detail,
    hint: 'See the call in the documentation of the runtime API.',
  }),
  tooLarge: (size) => new CroniumError({
    code: 'request_too_large', title: 'The request is too large', detail: `${size} bytes, at most ${limit} are allowed`,
    hint: 'A request may have 1 MiB and 64 KiB; write larger data to a file.',
  }),
};

// JSON, except that integers beyond ±(2^53 − 1), which a number does not hold
// exactly, are BigInt. JSON.parse shows no reviver the text of a number before Node 21,
// and JSON.stringify knows no BigInt, so both pass as strings with a mark that no
// other string has.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

function newMark() {
  return `bigint ${require('crypto').randomUUID()} `;
}

function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const mark = newMark();
  const marked = text.replace(tokens, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token);
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value);
}

function stringify(request) {
  let mark = '';
  const text = JSON.stringify(request, (key, value) => {
    if (typeof value === 'bigint') return (mark ||= newMark()) + value;
    refuse(key);
    refuse(value);
    return value;
  });
  return mark ? text.replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1') : text;
}

// refuse stops what JSON.stringify would silently turn into something else.
function refuse(value) {
  if (typeof value === 'number' && !Number.isFinite(value)) throw problem.args(`${value} is no JSON number`);
  if (typeof value === 'function' || typeof value === 'symbol') throw problem.args(`a ${typeof value} is no JSON value`);
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) throw problem.args('a string has half a surrogate pair');
}

function encode(call, args) {
  let line;
  try {
    line = stringify({ call, args });
  } catch (error) {
    throw error instanceof CroniumError ? error : problem.args(error.message.split('\n')[0]);
  }
  const size = Buffer.byteLength(line);
  if (size > limit) throw problem.tooLarge(size);
  return line;
}

function decode(text) {
  let answer;
  try {
    answer = parse(text);
  } catch (error) {
    throw problem.unreachable(error.message);
  }
  if (answer.error) throw new CroniumError(answer.error);
  return answer.value;
}

function socketPath() {
  if (!process.env.CRONIUM_SOCKET) throw problem.notInARun();
  return process.env.CRONIUM_SOCKET;
}

let connection = null;

async function askLater(call, args) {
  const path = socketPath();
  const line = encode(call, args);
  connection ??= new Connection(path);
  const text = await connection.ask(line).catch((error) => {
    throw problem.unreachable(error.message);
  });
  return decode(text);
}

// A synchronous call is made by a thread of ours while this one sleeps. Measured on
// two busy cores, the first call costs as much as three or four of the other way,
// `spawnSync` of the runner's `call`, and each one after it less than a hundredth.
// The thread gets neither options nor environment of the script, and does not keep
// the process alive.
let thread = null;

function start(path) {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const { port1: port, port2 } = new MessageChannel();
  const worker = new Worker(require.resolve('./connection.cjs'), {
    workerData: { port: port2, bell, path }, transferList: [port2], env: {}, execArgv: [],
  });
  const made = { worker, port, bell };
  worker.on('error', () => undefined); // it exits
  worker.on('exit', () => (thread = thread === made ? null : thread));
  worker.unref();
  port.unref();
  return made;
}

function askNow(call, args) {
  const path = socketPath();
  const line = encode(call, args);
  const { lost, text } = wait(path, line);
  if (lost !== undefined) throw problem.unreachable(lost);
  return decode(text);
}

function wait(path, line) {
  try {
    thread ??= start(path);
  } catch (error) {
    return { lost: `its thread does not start: ${error.message}` };
  }
  Atomics.store(thread.bell, 0, 0);
  thread.port.postMessage(line);
  Atomics.wait(thread.bell, 0, 0, patience + 5_000);
  const received = receiveMessageOnPort(thread.port);
  if (received) return received.message;
  thread.worker.terminate(); // an answer that came now would be taken for the next one
  thread = null;
  return { lost: `no answer in ${patience / 1000} s` };
}

// The calls: what is sent, and what is made of the value.

// A call that moves a file is many requests: the runner's own client makes them.

function mover(call, args) {
  for (const name of ['CRONIUM_SOCKET', 'CRONIUM_RUNNER']) if (!process.env[name]) throw problem.notInARun(name);
  encode(call, args);
  return [process.env.CRONIUM_RUNNER, ['call', call, '-'], stringify(args)];
}

function moved({ error, status, stderr }) {
  if (error) throw problem.unreachable(error.message);
  if (status === 0) return;
  let said;
  try {
    said = JSON.parse(stderr);
  } catch {
    throw problem.unreachable(String(stderr).trim() || `its client ended with ${status}`);
  }
  throw new CroniumError(said);
}

function moveNow(call, args) {
  const [client, argv, input] = mover(call, args);
  moved(require('child_process').spawnSync(client, argv, { input, encoding: 'utf8' }));
}

async function moveLater(call, args) {
  const [client, argv, input] = mover(call, args);
  moved(await new Promise((resolve) => {
    const child = require('child_process').spawn(client, argv, { stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', (error) => resolve({ error }));
    child.on('close', (status) => resolve({ status, stderr }));
    child.stdin.on('error', () => undefined); // it has ended and says why
    child.stdin.end(input);
  }));
}

const given = (value) => (value === undefined ? null : value);
const nothing = () => undefined;

const calls = {
  input: (name, otherwise) => ['input.all', {}, (all) => (Object.hasOwn(all, name) ? all[name] : null) ?? given(otherwise)],
  inputs: () => ['input.all', {}],
  output: (value) => ['output.set', { value: given(value) }, nothing],
  updateOutput: (key, value) => ['output.update', { key, value: given(value) }, nothing],
  getVariable: (name, otherwise) => ['variable.get', { name }, (value) => value ?? given(otherwise)],
  setVariable: (name, value) => ['variable.set', { name, value: given(value) }, nothing],
  compareAndSet: (name, old, value) => ['variable.compare_and_set', { name, old: given(old), new: given(value) }],
  increment: (name, by = 1) => ['variable.increment', { name, by }],
  secret: (name) => ['secret.get', { name }],
  artifacts: (run) => ['artifact.list', run == null ? {} : { run }],
  condition: (value) => ['condition.set', { value }, nothing],
  progress: (fraction, text = '') => ['progress.set', { fraction: given(fraction), text }, nothing],
  keepAlive: () => ['keep_alive', {}, nothing],
};

const moves = {
  artifact: (name, path) => ['artifact.put', { name, file: String(path) }],
  getArtifact: (name, path, run) => ['artifact.get', { name, file: String(path), run: given(run) }],
};

const log = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) =>
  [level, (message) => ['log', { level, message: String(message) }, nothing]]));

const run = () => ['run.facts', {}, (facts) => Object.fromEntries(Object.entries(facts).map(([name, value]) =>
  [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]))];

const same = (value) => value;

const now = (describe) => (...args) => {
  const [call, members, result = same] = describe(...args);
  return result(askNow(call, members));
};

const later = (describe) => async (...args) => {
  const [call, members, result = same] = describe(...args);
  return result(await askLater(call, members));
};

function api(kind, move) {
  const all = (table) => Object.fromEntries(Object.entries(table).map(([name, describe]) => [name, kind(describe)]));
  const files = Object.fromEntries(Object.entries(moves).map(([name, describe]) => [name, (...args) => move(...describe(...args))]));
  return { ...all(calls), ...files, log: all(log), Error: CroniumError };
}

let facts = null;

module.exports = {
  ...api(now, moveNow),
  async: { ...api(later, moveLater), run: later(run) },
  get run() {
    return (facts ??= now(run)());
  },
};
