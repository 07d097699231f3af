import { SKERRY } from '#shared/called.ts';
import { ok, warning, wrong } from '#shared/doctor/findings.ts';
import { messageOf } from '#shared/errors.ts';
import type { Finding } from '#shared/model/host.ts';
import type { Ground } from '../systemd/ground.ts';
import { agentsWay } from './account.ts';
import { hypervisor } from './hypervisor.ts';
import { machineAt } from './machine.ts';
import { xmppServer } from './server.ts';
import { configurations, secrets, services } from './services.ts';
import { debian, logs, memory, node, ownName, rooms, timeService, versions } from './system.ts';

const LOOKS = {
  role: async ({ roles }) => [
    roles.size > 0
      ? ok('role', [...roles].join(', '))
      : warning('role', 'this machine has none', `${SKERRY} install --help says what there is`),
  ],
  system: async (machine) => [...(await debian(machine)), await node()],
  name: ownName,
  time: timeService,
  memory,
  room: rooms,
  log: logs,
  versions,
  secrets,
  configuration: configurations,
  services,
  server: xmppServer,
  hypervisor,
  'way to the server': agentsWay,
} satisfies Record<string, (machine: ReturnType<typeof machineAt>) => Promise<Finding[]>>;

/** Look at all that the roles of a machine stand on; each finding says how to mend it. Nothing is changed. */
export async function examineMachine(ground: Ground): Promise<Finding[]> {
  const machine = machineAt(ground);
  // Of what it may not read, anybody else would be told that it is wrong, and to make it anew.
  if (ground.isThisMachine && machine.roles.size > 0 && process.getuid?.() !== 0)
    return [
      wrong(
        'machine',
        `only root can look at the roles of this machine: ${[...machine.roles].join(', ')}`,
        'run it as root',
      ),
    ];
  const looked = Object.entries(LOOKS).map(([check, look]) =>
    look(machine).catch((error: unknown) => [
      wrong(
        check,
        `it cannot be looked at: ${messageOf(error)}`,
        'run it as root; where it is root, this is a fault of Skerry',
      ),
    ]),
  );
  return (await Promise.all(looked)).flat();
}
