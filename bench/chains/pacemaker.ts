/**
 * The same chain by Pacemaker's scheduler, for comparison: each guest a Dummy resource that is held to its host, each edge an order
 * constraint, all hosts there and nothing started. `crm_simulate` reads that and works out what is to be done. It also says on which host
 * each resource goes, which Skerry does not ask itself.
 *
 * Source: crm_simulate(8); "Pacemaker Explained", https://clusterlabs.org/pacemaker/doc/
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import type { Chain } from '#shared/model/chain.ts';
import { type Figure, ms } from '../figures.ts';

/** Longer is not waited for. */
const TIMEOUT_MS = 120_000;

/** The chain as a cluster's configuration and state. */
export function cibOf({ nodes }: Chain): string {
  const all = Object.entries(nodes);
  const hosts = [...new Set(all.map(([, { host = 'host0' }]) => host))];
  const lines = (parts: readonly string[]): string => parts.join('\n');
  return lines([
    '<cib crm_feature_set="3.17.0" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1">',
    '<configuration><crm_config><cluster_property_set id="o">',
    '<nvpair id="o-stonith" name="stonith-enabled" value="false"/>',
    // It would look on each host for each resource first, which is most of its work.
    '<nvpair id="o-probes" name="enable-startup-probes" value="false"/>',
    '</cluster_property_set></crm_config>',
    `<nodes>${lines(hosts.map((host) => `<node id="${host}" uname="${host}"/>`))}</nodes>`,
    `<resources>${lines(all.map(([name]) => `<primitive id="${name}" class="ocf" provider="pacemaker" type="Dummy"/>`))}</resources>`,
    '<constraints>',
    lines(all.map(([name, { host = 'host0' }]) => location(name, host))),
    lines(all.flatMap(([name, { after }]) => after.map((edge) => order(edge.name, name)))),
    '</constraints></configuration>',
    `<status>${lines(hosts.map(online))}</status>`,
    '</cib>',
  ]);
}

const location = (name: string, host: string): string =>
  `<rsc_location id="at-${name}" rsc="${name}" node="${host}" score="INFINITY"/>`;
const order = (first: string, then: string): string =>
  `<rsc_order id="o-${first}-${then}" first="${first}" then="${then}" kind="Mandatory"/>`;
const online = (host: string): string =>
  `<node_state id="${host}" uname="${host}" in_ccm="true" crmd="online" join="member" expected="member"><lrm id="${host}"><lrm_resources/></lrm></node_state>`;

/**
 * How long it takes for chains of these sizes, from its file to what is to be done; where it is not there, a line that says so.
 *
 * @param ownMs how long Skerry takes for the same, from its file to the plan
 */
export function byPacemaker(
  sizes: readonly number[],
  chainOf: (count: number) => Chain,
  ownMs: (count: number) => number,
): Figure[] {
  if (execaSync('crm_simulate', ['--version'], { reject: false }).exitCode !== 0)
    return [
      {
        name: "Pacemaker's scheduler",
        value: 'skipped',
        note: 'crm_simulate is not here: apt-get install pacemaker-cli-utils',
      },
    ];
  const folder = mkdtempSync(join(tmpdir(), 'skerry-pacemaker-'));
  try {
    return sizes.map((count): Figure => {
      const file = join(folder, `${count}.xml`);
      const graph = join(folder, `${count}.graph`);
      writeFileSync(file, cibOf(chainOf(count)));
      const beganAt = performance.now();
      const { exitCode, stderr, timedOut } = execaSync(
        'crm_simulate',
        ['--xml-file', file, '--run', '--quiet', '--save-graph', graph],
        { reject: false, timeout: TIMEOUT_MS, cwd: folder },
      );
      const tookMs = performance.now() - beganAt;
      const name = `the same by Pacemaker's crm_simulate, ${count.toLocaleString('en')} nodes`;
      if (timedOut) return { name, value: `more than ${TIMEOUT_MS / 1_000} s` };
      if (exitCode !== 0) throw new Error(`crm_simulate: ${stderr.slice(-500)}`);
      const starts = readFileSync(graph, 'utf8').match(/operation="start"/g)?.length ?? 0;
      if (starts < count) throw new Error(`crm_simulate starts ${starts} of ${count}`);
      const own = ownMs(count);
      return { name, value: ms(tookMs), floor: `Skerry, from file to plan ${ms(own)}`, ratio: tookMs / own };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
