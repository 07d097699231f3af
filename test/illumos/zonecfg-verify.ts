import { BRANDS, EXCLUSIVE_BRANDS, PROPERTIES, rctlLimit, resourcesOf, type ZoneConfig } from './zone-config.ts';

/** What is wrong with a configuration, a line each. Source: zonecfg(8), `verify`; "Properties", of `net` */
export function verified(config: ZoneConfig): string[] {
  const problems: string[] = [];
  if (config.zonepath === '') problems.push('zonepath cannot be empty.');
  if (!BRANDS.has(config.brand)) problems.push('unknown brand.');
  if (EXCLUSIVE_BRANDS.has(config.brand) && config.ipType !== 'exclusive') {
    problems.push(`brand ${config.brand} needs ip-type exclusive`);
  }
  for (const resource of config.resources) {
    for (const name of PROPERTIES[resource.type].needs) {
      if (!resource.simple[name]) problems.push(`${resource.type}: ${name} not specified`);
    }
    if (resource.type === 'rctl' && !resource.lists.value?.length) problems.push('rctl: no value specified');
  }
  return [...problems, ...netProblems(config), ...capProblems(config)];
}

function netProblems(config: ZoneConfig): string[] {
  const nets = resourcesOf(config, 'net').map(({ simple }) => simple);
  if (config.ipType === 'shared') {
    return nets.flatMap((net) => [
      ...(net.address ? [] : ['net: address not specified']),
      ...(net['allowed-address'] ? ['net: allowed-address cannot be specified for a shared IP type'] : []),
    ]);
  }
  const isGuarded = (physical: string | undefined) =>
    nets.some((net) => net.physical === physical && net['allowed-address']);
  return nets.flatMap((net) => [
    ...(net.address ? ['net: address cannot be specified for an exclusive IP type'] : []),
    ...(net.defrouter && !isGuarded(net.physical)
      ? [`net: defrouter for ${net.physical} cannot be specified without allowed-address for an exclusive IP type`]
      : []),
  ]);
}

function capProblems(config: ZoneConfig): string[] {
  if (resourcesOf(config, 'dedicated-cpu').length === 0) return [];
  return [
    ...(rctlLimit(config, 'zone.cpu-shares') === undefined
      ? []
      : ['rctl zone.cpu-shares and dedicated-cpu are incompatible.']),
    ...(rctlLimit(config, 'zone.cpu-cap') === undefined
      ? []
      : ['rctl zone.cpu-cap and the dedicated-cpu are incompatible.']),
  ];
}
