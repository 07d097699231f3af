import { Failure } from '#shared/errors.ts';
import type { Choices } from '#shared/verb/fields.ts';
import type { JobRunner } from '#shared/verb/job-runner.ts';
import type { Offer } from '#shared/verb/offer.ts';
import type { May } from '#shared/verb/policy.ts';
import type { Perform, Requester } from '#shared/verb/request.ts';
import { rowOf } from '#shared/verb/verb.ts';
import { agentVerbs } from '#shared/verbs/agent.ts';
import type { Inventory } from './inventory/inventory.ts';

export interface OfferDeps {
  perform: Perform;
  may: May;
  /** Whether the driver can do it. */
  supports(verb: string): boolean;
  isCentral(bareJid: string): boolean;
  inventory: Inventory;
  jobs: JobRunner;
  host: string;
}

/** What an agent offers at its address. `open`: it is known what became of what was cut off, and changes may begin. */
export function agentOffer(deps: OfferDeps): { offer: Offer; open(): void } {
  const { perform, may, supports, isCentral, inventory, jobs, host } = deps;
  const gate = gateBefore(perform, host);
  const offer: Offer = {
    table: agentVerbs,
    perform: gate.perform,
    may: (requester, verb, target) => supports(verb) && may(requester, verb, target),
    choices: choicesBy(inventory, jobs, may, host),
    speaksForOthers: isCentral,
  };
  return { offer, open: gate.open };
}

/** Until it is known what became of the operations that were cut off, nothing is changed; to look is allowed. */
function gateBefore(perform: Perform, host: string): { perform: Perform; open(): void } {
  let isOpen = false;
  return {
    open: () => {
      isOpen = true;
    },
    perform: async (request) => {
      const row = rowOf(agentVerbs, request.verb);
      if (isOpen || row === undefined || row.risk === 'read') return perform(request);
      throw new Failure('host-unreachable', { host, problem: 'its hypervisor has not answered since the agent began' });
    },
  };
}

function choicesBy(inventory: Inventory, jobs: JobRunner, may: May, host: string) {
  return (kind: Choices, requester: Requester): readonly string[] => {
    if (kind === 'host') return [host];
    if (kind === 'verb')
      return Object.keys(agentVerbs)
        .filter((verb) => may(requester, verb))
        .toSorted();
    if (kind === 'job')
      return jobs
        .list({ limit: 50 })
        .filter((job) => may(requester, 'guest.info', { guest: job.target }))
        .map((job) => job.id);
    if (inventory.host === undefined) return [];
    return inventory
      .guests()
      .map((guest) => guest.name)
      .filter((guest) => may(requester, 'guest.info', { guest }));
  };
}
