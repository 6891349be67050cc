import fs from 'node:fs';
import process from 'node:process';

function print(result) {
  const text = JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `BIG${value}` : value));
  process.stdout.write(text.replace(/"BIG(-?\d+)"/g, '$1') + '\0');
}

async function step(call, ...args) {
  try {
    print({ value: (await call(...args)) ?? null });
  } catch (problem) {
    if (!(problem instanceof cronium.Error)) throw problem;
    const { code, title, detail, hint } = problem;
    print({ error: { code, title, detail, hint } });
  }
}

const text = 'ünï "quoted" \'single\' \\ back\nline\ttab $HOME `id` %s 🐘 \u2028 \u2029 \u0001 end';

await step(async () => (await cronium.async.run()).runId);

await step(cronium.async.input, 'count');
await step(cronium.async.input, 'missing', 'none');
await step(cronium.async.input, 'missing');
await step(cronium.async.inputs);

await step(cronium.async.getVariable, 'missing');
await step(cronium.async.getVariable, 'missing', 'none');
for (const name of 'int zero safe beyond huge float large yes no empty text digits list object'.split(' ')) {
  await step(cronium.async.getVariable, name);
}

await step(cronium.async.setVariable, 'x', null);
await step(cronium.async.setVariable, 'x', 42);
await step(cronium.async.setVariable, 'x', 9007199254740993n);
await step(cronium.async.setVariable, 'x', 2.5);
await step(cronium.async.setVariable, 'x', false);
await step(cronium.async.setVariable, 'x', '');
await step(cronium.async.setVariable, 'x', text);
await step(cronium.async.setVariable, 'x', [1, 'two', null, [3.5, { vier: -123456789012345678901234567890n }], [], {}]);

await step(cronium.async.compareAndSet, 'leader', null, 'a');
await step(cronium.async.compareAndSet, 'leader', 'b', { who: 'c' });

await step(cronium.async.increment, 'n');
await step(cronium.async.increment, 'n', -5);
await step(cronium.async.increment, 'n', 0.5);
await step(cronium.async.increment, 'n', 9007199254740993n);

await step(cronium.async.secret, 'token');
await step(cronium.async.secret, 'absent');

await step(cronium.async.increment, 'text');
await step(cronium.async.getVariable, '../x');

await step(cronium.async.output, { rows: 3, files: ['a.csv', 'ü.csv'], ratio: 0.1 });
await step(cronium.async.updateOutput, 'seen at', [true, null]);
await step(cronium.async.output, 'plain');
await step(cronium.async.updateOutput, 'k', 'v');

await step(cronium.async.condition, true);
await step(cronium.async.condition, false);
await step(cronium.async.progress, 0.5, 'half ✓');
await step(cronium.async.progress, null);
await step(cronium.async.progress, 1);
await step(cronium.async.log.debug, 'd');
await step(cronium.async.log.info, 'i "ü"\nsecond line');
await step(cronium.async.log.warn, 'w');
await step(cronium.async.log.error, 'e');
await step(cronium.async.keepAlive);

fs.writeFileSync('report.csv', 'näme,rows\n"a",3\n');
fs.writeFileSync('empty', '');
await step(cronium.async.artifact, 'report ü.csv', 'report.csv');
await step(cronium.async.artifact, 'empty', 'empty');
await step(cronium.async.artifact, '../x', 'empty');
await step(cronium.async.artifact, 'damaged', 'empty');
await step(cronium.async.getArtifact, 'theirs', 'theirs.bin', 'r_1');
await step(cronium.async.artifact, 'again', 'theirs.bin');
await step(cronium.async.getArtifact, 'none', 'none.bin');
await step(cronium.async.artifacts);
await step(cronium.async.artifacts, 'r_1');
