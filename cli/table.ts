import type { VerbTable } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import { centralVerbs } from '#shared/verbs/central.ts';
import type { Options } from './options.ts';
import { siteFor } from './site.ts';

/** Through central, which knows where each guest is; or to the hosts, where that is asked for, or where there is no central. */
export async function tableFor(options: Options): Promise<VerbTable> {
  if (options.direct || options.host !== undefined) return agentVerbs;
  // Where no site is known yet, that is said when one is needed.
  const site = await siteFor(options).catch(() => undefined);
  return site && site.central === undefined ? agentVerbs : centralVerbs;
}
