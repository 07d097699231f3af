import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sh } from './host.ts';

export interface OwnSwitch {
  /** Kill what carries frames, and start it anew. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

/** An Open vSwitch of its own, in the namespaces of this process, where /run is nobody else's. It ends with this process. */
export async function startOpenVSwitch(): Promise<OwnSwitch> {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-openvswitch-'));
  const database = join(folder, 'conf.db');
  await sh('mkdir -p /run/openvswitch', `ovsdb-tool create ${database} /usr/share/openvswitch/vswitch.ovsschema`);
  const server = start('ovsdb-server', database, '--remote=punix:/run/openvswitch/db.sock', '--pidfile');
  const startSwitch = () => start('ovs-vswitchd', '--pidfile', 'unix:/run/openvswitch/db.sock');
  await sh('for n in $(seq 100); do ovs-vsctl --no-wait init && exit; sleep 0.1; done; exit 1');
  let frames = startSwitch();
  return {
    restart: async () => {
      await frames.end();
      frames = startSwitch();
      // It has taken what stands in the database.
      await sh('ovs-vsctl --timeout=20 set Open_vSwitch . external_ids:again=yes');
    },
    end: async () => {
      await frames.end();
      await server.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function start(file: string, ...args: string[]) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', file, '--no-chdir', '--verbose=off', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'close');
  return {
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** All that one can see of it, without what is counted and numbered. */
export const switchShape = (): Promise<string> =>
  sh(
    'ovs-vsctl --columns=name,datapath_type,fail_mode,external_ids list Bridge | sort',
    'ovs-vsctl --columns=name,mtu_request list Interface | sort; ovs-vsctl --columns=name,external_ids list Port | sort',
    'for bridge in $(ovs-vsctl list-br); do ovs-vsctl list-ports $bridge | sort; ovs-ofctl --names --no-stats dump-flows $bridge | sort; done',
  );
