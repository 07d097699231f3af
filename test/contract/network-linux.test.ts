import { describe, it } from 'mocha';
import { namespaceProblem, runTestsInNamespace } from './network-namespace.ts';

describe('networks of Linux, in a network namespace of its own', function () {
  this.timeout(300_000);
  const problem = namespaceProblem();
  const inside = (what: string, file: string): void => {
    if (problem) it.skip(`${what} (${problem})`);
    else it(what, () => runTestsInNamespace(new URL(`./inside/${file}.ts`, import.meta.url)));
  };
  inside('hold the contract', 'linux-networks');
  inside('hold the contract with Open vSwitch', 'switch-networks');
  inside('guard ports against frames as a guest that means ill sends them', 'linux-guards');
  inside('guard ports of Open vSwitch against the same', 'switch-guards');
  inside('of Open vSwitch meet those of the kernel, with routers and looks', 'switch-hosts');
  inside('of Open vSwitch take guests of libvirt', 'switch-guest');
  inside('meet by WireGuard over a public net', 'linux-mesh');
  inside('are looked from by processes in their legs', 'lookers');
});
