/**
 * The agent: one process a host. It drives the host's hypervisor, and answers on XMPP to those that its policy names.
 *
 *     node agent/main.ts --config FILE [--check]
 *     node agent/main.ts --reference     prints docs/agent-config.md's table of keys
 *
 * It is composed in agent.ts, by hand, from the hypervisor outwards: driver, inventory, consoles, journal, jobs, perform, and the
 * surfaces on one connection. It does not need its server: while there is none it keeps its guests' state, and comes back.
 */
import { runProgram } from '#shared/program.ts';
import { startAgent } from './agent.ts';
import { AgentConfig, readConfig, readPassword } from './config.ts';
import { nameOfDriver } from './driver-config.ts';

await runProgram<AgentConfig>({
  name: 'agent',
  schema: AgentConfig,
  readConfig,
  readSecret: readPassword,
  base: ({ host }) => ({ host }),
  about: ({ jid, drivers }) => ({ jid, driver: drivers.map(nameOfDriver).join(', ') }),
  start: startAgent,
});
