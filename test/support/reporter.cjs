const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const { reporters } = require('mocha');

/** Mocha's own `spec`, which leaves the counts, what failed, and the time of each file in the file `report` of its options. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = {};
    const failed = [];
    let file;
    let since;
    const close = () => {
      if (file !== undefined) files[file] = (files[file] ?? 0) + Date.now() - since;
    };
    runner.on('suite', (suite) => {
      if (!suite.file || suite.file === file) return;
      close();
      file = suite.file;
      since = Date.now();
    });
    runner.on('fail', (test, error) => {
      const path = relative(process.cwd(), test.file ?? file ?? '');
      failed.push({ file: path, title: test.fullTitle(), message: String(error?.message ?? error).split('\n')[0] });
    });
    runner.once('end', () => {
      close();
      const { passes, failures, pending } = runner.stats;
      const times = Object.fromEntries(Object.entries(files).map(([path, ms]) => [relative(process.cwd(), path), ms]));
      writeFileSync(
        options.reporterOptions.report,
        JSON.stringify({ passes, failures, pending, files: times, failed }),
      );
    });
  }
};
