import { statSync } from 'node:fs';
import { execa } from 'execa';
import { SKERRY } from '#shared/called.ts';
import { ok, warning, wrong } from '#shared/doctor/findings.ts';
import type { Finding } from '#shared/model/host.ts';
import { AGENT_CONFIG, CENTRAL_CONFIG, COMPONENT, PKI } from '../roles/places.ts';
import { CLONE } from '../systemd/program.ts';
import { isEnabled, running } from '../systemd/system-changes.ts';
import { isIllumos, type Machine, saidOr } from './machine.ts';

const servicesOf = ({ server, places }: Machine) =>
  [
    {
      role: 'server',
      unit: 'ejabberd.service',
      files: ['/etc/ejabberd/ejabberd.yml', server?.certificate ?? '/etc/ejabberd/skerry.pem'],
    },
    { role: 'central', unit: 'skerry-central.service', files: [CENTRAL_CONFIG, places.secret] },
    { role: 'host', unit: 'skerry-agent.service', files: [AGENT_CONFIG, places.credentials] },
  ] as const;

/** Whether services run, by what is written now, and come again after a boot. */
export async function services(machine: Machine): Promise<Finding[]> {
  const { ground, roles } = machine;
  if (isIllumos(machine)) return [await smfFinding(ground)];
  const wanted = servicesOf(machine).filter(({ role }) => roles.has(role));
  const findings = wanted.map(async ({ unit, files }): Promise<Finding[]> => {
    const comes = (await isEnabled(ground, unit))
      ? ok(`${unit} at boot`, 'enabled')
      : wrong(`${unit} at boot`, 'it is not started at boot', `systemctl enable ${unit}`);
    if (!ground.isLive) return [comes];
    const state = (await ground.run(['systemctl', 'is-active', unit]).catch(() => '')) === 'active';
    if (!state) return [comes, await stoppedFinding(ground, unit)];
    const isStale = (await running(ground, unit, files).missing([])) !== undefined;
    const found = 'it began before its configuration was changed last';
    return [comes, isStale ? warning(unit, found, `systemctl restart ${unit}`) : ok(unit, 'it runs')];
  });
  return (await Promise.all(findings)).flat();
}

/** The agent of illumos is a service of SMF, by provisioning/smf. */
async function smfFinding(ground: Machine['ground']): Promise<Finding> {
  const state = (await saidOr(ground, ['svcs', '-H', '-o', 'state', 'skerry-agent']))?.trim();
  const mend =
    'svcs -x skerry-agent says why, and where its log is; then svcadm enable -r skerry-agent, or svcadm clear skerry-agent';
  return state === 'online'
    ? ok('skerry-agent', 'online')
    : wrong('skerry-agent', state ?? 'SMF does not know it', mend);
}

/** EX_CONFIG of sysexits.h, after which its unit does not start it again. */
const CONFIGURATION_WRONG = '78';

async function stoppedFinding(ground: Machine['ground'], unit: string): Promise<Finding> {
  const exitCode = await saidOr(ground, ['systemctl', 'show', '--value', '--property=ExecMainStatus', unit]);
  if (exitCode === CONFIGURATION_WRONG) {
    const found = 'it ended since its configuration is wrong, and is not started again by itself';
    return wrong(unit, found, `journalctl -u ${unit} says what is wrong; put it right, then systemctl start ${unit}`);
  }
  return wrong(unit, 'it does not run', `journalctl -u ${unit} says why; then systemctl start ${unit}`);
}

const PROGRAMS = [
  { role: 'central', main: 'central/main.ts', config: CENTRAL_CONFIG },
  { role: 'host', main: 'agent/main.ts', config: AGENT_CONFIG },
] as const;

/** Agent and central say themselves whether they can use what stands in their configuration. */
export async function configurations({ ground, roles }: Machine): Promise<Finding[]> {
  const wanted = PROGRAMS.filter(({ role }) => roles.has(role));
  return await Promise.all(
    wanted.map(async ({ main, config }) => {
      const argv = [`${CLONE}/${main}`, '--config', ground.at(config), '--check'];
      const { exitCode, stderr } = await execa(process.execPath, argv, { reject: false, timeout: 30_000 });
      return exitCode === 0
        ? ok(config, 'it is right')
        : wrong(config, stderr.trim().split('\n').at(-1) ?? '', `put it right; docs/ has every key of it`);
    }),
  );
}

const secretsOf = ({ places }: Machine) =>
  [
    { role: 'server', path: PKI, mode: 0o700, owner: 'root' },
    { role: 'server', path: COMPONENT, mode: 0o600, owner: 'root' },
    { role: 'server', path: '/etc/ejabberd/ejabberd.yml', mode: 0o600, owner: 'ejabberd' },
    { role: 'central', path: places.secret, mode: 0o600, owner: 'skerry-central' },
    { role: 'central', path: places.centralState, mode: 0o700, owner: 'skerry-central' },
    { role: 'host', path: places.credentials, mode: 0o600, owner: 'skerry' },
    { role: 'host', path: places.agentState, mode: 0o700, owner: undefined },
  ] as const;

/** Who may read what is nobody else's. */
export async function secrets(machine: Machine): Promise<Finding[]> {
  const { ground, roles, server } = machine;
  // A server with a certificate of the site's own has no authority here.
  const isMade = (path: string): boolean => path !== PKI || server?.certificate === undefined;
  const wanted = secretsOf(machine).filter(({ role, path }) => roles.has(role) && isMade(path));
  const findings = wanted.map(async ({ path, mode, owner, role }): Promise<Finding> => {
    const check = `mode of ${path}`;
    const found = statSync(ground.at(path), { throwIfNoEntry: false });
    if (found === undefined) return wrong(check, 'it is not there', `${SKERRY} install ${role}`);
    if ((found.mode & 0o777 & ~mode) !== 0)
      return wrong(check, 'others can read it', `chmod ${mode.toString(8)} ${path}`);
    const due = owner === undefined ? undefined : await ground.ownerOf(owner);
    if (due && due.uid !== found.uid) return wrong(check, `it is not ${owner}'s`, `chown ${owner} ${path}`);
    return ok(check, 'only its owner can read it');
  });
  return await Promise.all(findings);
}
