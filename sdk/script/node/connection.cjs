'use strict';
// A connection to the runner. It serves cronium.async in the script's own thread, and
// the synchronous calls as the program of a thread that the script waits for.

const net = require('net');
const { isMainThread, workerData } = require('worker_threads');

const patience = 120_000; // ms without an answer

// Connection sends lines and gives a promise of the answer to each. After any trouble
// the next line makes another connection. It keeps the process alive only while somebody waits.
class Connection {
  #path;
  #socket = null;
  #waiting = [];

  constructor(path) {
    this.#path = path;
  }

  ask(line) {
    return new Promise((resolve, reject) => {
      this.#socket ??= this.#open();
      this.#socket.ref();
      this.#waiting.push({ resolve, reject });
      this.#socket.write(line + '\n');
    });
  }

  #open() {
    const socket = net.connect(this.#path);
    let parts = [];
    let reason = 'it closed the connection';
    socket.setTimeout(patience, () => {
      if (this.#waiting.length > 0) socket.destroy(new Error(`no answer in ${patience / 1000} s`));
    });
    socket.on('data', (chunk) => {
      for (let end; (end = chunk.indexOf(10)) >= 0; chunk = chunk.subarray(end + 1)) {
        parts.push(chunk.subarray(0, end));
        this.#answer(Buffer.concat(parts).toString());
        parts = [];
      }
      parts.push(chunk);
    });
    socket.on('end', () => this.#lost(socket, reason));
    socket.on('error', (error) => (reason = error.message));
    socket.on('close', () => this.#lost(socket, reason));
    return socket;
  }

  #answer(text) {
    this.#waiting.shift()?.resolve(text);
    if (this.#waiting.length === 0) this.#socket.unref();
  }

  #lost(socket, reason) {
    if (this.#socket !== socket) return;
    this.#socket = null;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
  }
}

// serve answers what comes by the port: it sends the answer and then rings the bell
// on which the other thread sleeps.
function serve({ port, bell, path }) {
  const connection = new Connection(path);
  port.on('message', async (line) => {
    const answer = await connection.ask(line).then(
      (text) => ({ text }),
      (error) => ({ lost: error.message }),
    );
    port.postMessage(answer);
    Atomics.store(bell, 0, 1);
    Atomics.notify(bell, 0);
  });
}

if (!isMainThread && require.main === module) serve(workerData);

module.exports = { Connection, patience };
