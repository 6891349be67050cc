// Writes .br and .gz beside every text file of dist, so that the hub serves bytes and never compresses.
import { readdirSync, readFileSync, statSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const text = /\.(js|css|html|svg|json|txt)$/;

function* files(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

for (const path of [...files('dist')]) {
  if (!text.test(path)) continue;
  const body = readFileSync(path);
  if (body.length < 1024) continue;
  for (const [ext, out] of [
    ['.br', brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })],
    ['.gz', gzipSync(body, { level: 9 })],
  ]) {
    if (out.length < body.length) writeFileSync(path + ext, out);
    else rmSync(path + ext, { force: true });
  }
}
