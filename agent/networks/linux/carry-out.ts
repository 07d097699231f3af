import { readFileSync, writeFileSync } from 'node:fs';
import type { Run } from '#agent/exec/run.ts';
import { isMissing } from '#agent/files/folder.ts';
import type { Failpoint } from '#agent/networks/failpoint.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import { batch, listAddresses, listFloods, listLinks } from './commands.ts';
import { type Link, parseFloods, parseLinks } from './links.ts';
import { withSwitches } from './openvswitch/changes.ts';
import type { OpenVSwitch } from './openvswitch/switch.ts';
import type { Realised, Step } from './plan.ts';

export interface HostTools {
  run: Run;
  failpoint: Failpoint;
  /** What realises bridges; without it, the kernel's own. */
  openvswitch?: OpenVSwitch;
}

/** The links of the host, by name. @param asked what lists them */
export async function readLinks(
  tools: Pick<HostTools, 'run' | 'openvswitch'>,
  signal: AbortSignal,
  asked = listLinks(),
): Promise<ReadonlyMap<string, Link>> {
  return (await readSwitched(tools, signal, asked)).links;
}

async function readSwitched(
  { run, openvswitch }: Pick<HostTools, 'run' | 'openvswitch'>,
  signal: AbortSignal,
  asked = listLinks(),
) {
  const [stdout, switches] = await Promise.all([run(asked, signal), openvswitch?.read(signal)]);
  const links = new Map(parseLinks(stdout).map((link) => [link.name, link]));
  return { links: switches ? withSwitches(links, switches) : links, switches };
}

/** What there is, before something is made. Only those who want tunnels have to look where those lead. */
export async function readRealised(tools: HostTools, hasTunnels: boolean, signal: AbortSignal): Promise<Realised> {
  const [{ links, switches }, floods, datapath] = await Promise.all([
    readSwitched(tools, signal, hasTunnels ? listAddresses() : listLinks()),
    hasTunnels ? tools.run(listFloods(), signal) : '',
    tools.openvswitch?.readDatapath(signal),
  ]);
  const ours = [...links.values()].filter(({ isOurs }) => isOurs).map(({ name }) => name);
  return {
    ...{ links, floods: parseFloods(floods), speaksV6: new Set(ours.filter(speaksV6)) },
    ...(switches && datapath ? { openvswitch: { switches, datapath } } : {}),
  };
}

/** Do what was planned, in order: neighbours of one tool go into one process. */
export async function carryOut(tools: HostTools, steps: readonly Step[], signal: AbortSignal): Promise<void> {
  const { failpoint } = tools;
  const allowed = failpoint.allows(steps.length);
  for (const group of groupsOf(steps.slice(0, allowed))) await doGroup(tools, group, signal);
  if (allowed < steps.length) failpoint.end();
}

async function doGroup({ run, openvswitch }: HostTools, group: readonly Step[], signal: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for (const step of group)
    if (step.tool === 'mute') mute(step);
    else if (step.tool === 'plain') await openvswitch?.plain(step.link, undefined, signal);
    else if ('line' in step) lines.push(step.line);
  const [first] = group;
  if (first?.tool === 'ip' || first?.tool === 'bridge') await run(batch(first.tool, lines), signal);
  const changes = group.flatMap((step) => ('changes' in step ? step.changes : []));
  await openvswitch?.change(changes, signal);
}

function groupsOf(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last?.[0]?.tool === step.tool) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

const settingOf = (link: string): string => `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;

function mute({ link }: { link: string }): void {
  try {
    writeFileSync(settingOf(link), '1');
  } catch (error) {
    // A kernel without IPv6 has no such file, and a link that has just gone neither.
    if (isMissing(error)) return;
    const problem = `${link} cannot be kept from IPv6: ${messageOf(error)}`;
    throw new Failure('host-command', { problem }, { cause: error });
  }
}

function speaksV6(link: string): boolean {
  try {
    return readFileSync(settingOf(link), 'utf8').trim() === '0';
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
