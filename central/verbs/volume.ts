import type { Volume, VolumeInUse } from '#shared/model/volume.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import { type siteVolumeVerbs, volumeVerbs } from '#shared/verbs/volume.ts';
import { knownHost, type SiteHandlerDeps } from './site.ts';

/** What the agent of a host does with its volumes. */
export function volumeHandlers({ site, ask }: Pick<SiteHandlerDeps, 'site' | 'ask'>): Handlers<typeof siteVolumeVerbs> {
  const asked = async (
    verb: keyof typeof volumeVerbs,
    { host, ...args }: { host: string },
    call: Parameters<typeof ask>[4],
  ): Promise<unknown> => (await ask(knownHost(site, host), verb, volumeVerbs[verb], args, call)).value;
  return {
    'volume.list': async (args, call) => (await asked('volume.list', args, call)) as Volume[],
    'volume.info': async (args, call) => (await asked('volume.info', args, call)) as VolumeInUse,
    'volume.export': async (args, call) => (await asked('volume.export', args, call)) as Volume,
    'volume.unexport': async (args, call) => (await asked('volume.unexport', args, call)) as Volume,
  };
}
