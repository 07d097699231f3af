import { readFileSync, writeFileSync } from 'node:fs';
import type { Run } from '#agent/exec/run.ts';
import { isMissing } from '#agent/files/folder.ts';
import type { Failpoint } from '#agent/networks/failpoint.ts';
import { Failure, messageOf } from '#shared/errors.ts';
import type { Link } from './links.ts';
import { batch, listFloods, listLinks, parseFloods, parseLinks } from './links.ts';
import type { Realised, Step } from './plan.ts';

export interface HostTools {
  run: Run;
  failpoint: Failpoint;
}

/** The links of the host, by name. */
export async function readLinks(
  { run }: Pick<HostTools, 'run'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Link>> {
  return new Map(parseLinks(await run(listLinks(), signal)).map((link) => [link.name, link]));
}

/** What there is, before something is made. Only those who want tunnels have to look where those lead. */
export async function readRealised(tools: HostTools, hasTunnels: boolean, signal: AbortSignal): Promise<Realised> {
  const [links, floods] = await Promise.all([
    readLinks(tools, signal),
    hasTunnels ? tools.run(listFloods(), signal) : '',
  ]);
  const ours = [...links.values()].filter(({ isOurs }) => isOurs).map(({ name }) => name);
  return { links, floods: parseFloods(floods), speaksV6: new Set(ours.filter(speaksV6)) };
}

/** Do what was planned, in order: neighbours of one tool go into one process. */
export async function carryOut(
  { run, failpoint }: HostTools,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<void> {
  const allowed = failpoint.allows(steps.length);
  for (const group of groupsOf(steps.slice(0, allowed))) {
    const [first] = group;
    if (first?.tool === 'mute') for (const step of group) mute(step);
    else if (first) await run(batch(first.tool, group.map(lineOf)), signal);
  }
  if (allowed < steps.length) failpoint.end();
}

const lineOf = (step: Step): string => ('line' in step ? step.line : '');

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

function mute(step: Step): void {
  if (step.tool !== 'mute') return;
  try {
    writeFileSync(settingOf(step.link), '1');
  } catch (error) {
    // A kernel without IPv6 has no such file, and a link that has just gone neither.
    if (isMissing(error)) return;
    const problem = `${step.link} cannot be kept from IPv6: ${messageOf(error)}`;
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
