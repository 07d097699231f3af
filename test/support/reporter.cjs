const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const { reporters } = require('mocha');

/** Mocha's own `spec`, which leaves the counts and the time of each file in the file `report` of its options. */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = {};
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
    runner.once('end', () => {
      close();
      const { passes, failures, pending } = runner.stats;
      const times = Object.fromEntries(Object.entries(files).map(([path, ms]) => [relative(process.cwd(), path), ms]));
      writeFileSync(options.reporterOptions.report, JSON.stringify({ passes, failures, pending, files: times }));
    });
  }
};
