import { describe, it } from 'mocha';
import { namespaceProblem, runTestsInNamespace } from '#test/contract/network-namespace.ts';

describe('networks of an agent that is killed, in a network namespace of their own', function () {
  this.timeout(600_000);
  const problem = namespaceProblem();
  const title = 'are as wanted after its next start, and mended while it runs';
  if (problem) it.skip(`${title} (${problem})`);
  else it(title, () => runTestsInNamespace(new URL('./inside/networks-crash.ts', import.meta.url)));
});
