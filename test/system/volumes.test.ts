import { describe, it } from 'mocha';
import { namespaceProblem, runTestsInNamespace } from '#test/contract/network-namespace.ts';

describe('volumes that a host exports, in namespaces of their own', function () {
  this.timeout(300_000);
  const problem = namespaceProblem();
  const title = 'are read and written by QEMU, and outlive the agent';
  if (problem) it.skip(`${title} (${problem})`);
  else it(title, () => runTestsInNamespace(new URL('./inside/volumes.ts', import.meta.url)));
});
