function print(result) {
  const text = JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `BIG${value}` : value));
  process.stdout.write(text.replace(/"BIG(-?\d+)"/g, '$1') + '\0');
}

function step(call, ...args) {
  try {
    print({ value: call(...args) ?? null });
  } catch (problem) {
    if (!(problem instanceof cronium.Error)) throw problem;
    const { code, title, detail, hint } = problem;
    print({ error: { code, title, detail, hint } });
  }
}

const text = 'ünï "quoted" \'single\' \\ back\nline\ttab $HOME `id` %s 🐘 \u2028 \u2029 \u0001 end';

step(() => cronium.run.runId);

step(cronium.input, 'count');
step(cronium.input, 'missing', 'none');
step(cronium.input, 'missing');
step(cronium.inputs);

step(cronium.getVariable, 'missing');
step(cronium.getVariable, 'missing', 'none');
for (const name of 'int zero safe beyond huge float large yes no empty text digits list object'.split(' ')) {
  step(cronium.getVariable, name);
}

step(cronium.setVariable, 'x', null);
step(cronium.setVariable, 'x', 42);
step(cronium.setVariable, 'x', 9007199254740993n);
step(cronium.setVariable, 'x', 2.5);
step(cronium.setVariable, 'x', false);
step(cronium.setVariable, 'x', '');
step(cronium.setVariable, 'x', text);
step(cronium.setVariable, 'x', [1, 'two', null, [3.5, { vier: -123456789012345678901234567890n }], [], {}]);

step(cronium.compareAndSet, 'leader', null, 'a');
step(cronium.compareAndSet, 'leader', 'b', { who: 'c' });

step(cronium.increment, 'n');
step(cronium.increment, 'n', -5);
step(cronium.increment, 'n', 0.5);
step(cronium.increment, 'n', 9007199254740993n);

step(cronium.secret, 'token');
step(cronium.secret, 'absent');

step(cronium.increment, 'text');
step(cronium.getVariable, '../x');

step(cronium.output, { rows: 3, files: ['a.csv', 'ü.csv'], ratio: 0.1 });
step(cronium.updateOutput, 'seen at', [true, null]);
step(cronium.output, 'plain');
step(cronium.updateOutput, 'k', 'v');

step(cronium.condition, true);
step(cronium.condition, false);
step(cronium.progress, 0.5, 'half ✓');
step(cronium.progress, null);
step(cronium.progress, 1);
step(cronium.log.debug, 'd');
step(cronium.log.info, 'i "ü"\nsecond line');
step(cronium.log.warn, 'w');
step(cronium.log.error, 'e');
step(cronium.keepAlive);

require('fs').writeFileSync('report.csv', 'näme,rows\n"a",3\n');
require('fs').writeFileSync('empty', '');
step(cronium.artifact, 'report ü.csv', 'report.csv');
step(cronium.artifact, 'empty', 'empty');
step(cronium.artifact, '../x', 'empty');
step(cronium.artifact, 'damaged', 'empty');
step(cronium.getArtifact, 'theirs', 'theirs.bin', 'r_1');
step(cronium.artifact, 'again', 'theirs.bin');
step(cronium.getArtifact, 'none', 'none.bin');
step(cronium.artifacts);
step(cronium.artifacts, 'r_1');
