import { partNamed } from '#agent/drivers/part.ts';
import { Failure } from '#shared/errors.ts';
import { type Guest, GuestRecipe } from '#shared/model/guest.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { BeforeJobs } from '#shared/verb/perform-deps.ts';
import type { Call } from '#shared/verb/request.ts';
import type { ArgsOf } from '#shared/verb/verb.ts';
import type { makingVerbs } from '#shared/verbs/making.ts';
import { able, fresh, type GuestDeps, OFF } from './ground.ts';

type CreateArgs = ArgsOf<(typeof makingVerbs)['guest.create']>;
type CloneArgs = ArgsOf<(typeof makingVerbs)['guest.clone']>;

/**
 * Guests made of images and of other guests. Jobs: one that is begun again after a restart finds the guest there, whole, or
 * makes it anew, since drivers show no guest before all of it is there.
 */
export function makingHandlers(deps: GuestDeps): Handlers<typeof makingVerbs> {
  const underWay = new Set<string>();
  /** Two that make a guest of one name would each write over what the other has begun. */
  const alone = async (name: string, make: () => Promise<Guest>): Promise<Guest> => {
    if (underWay.has(name)) throw new Failure('too-busy', { problem: `a guest ${name} is being made` });
    underWay.add(name);
    try {
      return await make();
    } finally {
      underWay.delete(name);
    }
  };
  return {
    'guest.create': (args, call) =>
      alone(args.name, () => madeOnce(deps, args.name, call, () => create(deps, args, call))),
    'guest.clone': (args, call) =>
      alone(args.name, () => madeOnce(deps, args.name, call, () => clone(deps, args, call))),
  };
}

/** A name that is taken is refused before a job is begun. */
export const beforeMaking = ({
  inventory,
  host,
}: Pick<GuestDeps, 'inventory' | 'host'>): BeforeJobs<typeof makingVerbs> => {
  const requireFree = ({ name }: { name: string }): void => {
    if (inventory.find(name)) throw new Failure('guest-exists', { guest: name, host });
  };
  return { 'guest.create': requireFree, 'guest.clone': requireFree };
};

async function madeOnce(
  { inventory, host }: GuestDeps,
  name: string,
  call: Call,
  make: () => Promise<string>,
): Promise<Guest> {
  const there = inventory.find(name);
  if (there && call.resumed) return there;
  if (there) throw new Failure('guest-exists', { guest: name, host });
  const made = await inventory.refresh(await make(), call.signal);
  if (!made) throw new Failure('guest-not-found', { guest: name, host });
  return made;
}

async function create(deps: GuestDeps, args: CreateArgs, call: Call): Promise<string> {
  const { option, nic, driver: wanted, ...rest } = args;
  const recipe = GuestRecipe.parse({ ...rest, nics: nic, options: optionsOf(option) });
  const driver = wanted === undefined ? deps.driver : partNamed(deps.driver, wanted);
  const { id } = await able(driver.createGuest, { ...deps, driver }, call.verb).call(driver, recipe, call);
  return id;
}

/** @throws Failure bad-argument where a name is there twice */
function optionsOf(words: readonly string[]): Record<string, string> {
  const pairs = words.map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]);
  const names = new Set(pairs.map(([name]) => name));
  if (names.size < pairs.length)
    throw new Failure('bad-argument', { field: 'option', problem: 'a name is there twice' });
  return Object.fromEntries(pairs);
}

/** Whoever may clone some guests only is held to those, and so are the names that they give. */
async function clone(deps: GuestDeps, { guest: of, name, linked }: CloneArgs, call: Call): Promise<string> {
  const { driver, may } = deps;
  if (!may(call.requester, call.verb, { guest: name }))
    throw new Failure('not-permitted', { requester: call.requester.bareJid, verb: `${call.verb} as ${name}` });
  const guest = await fresh(deps, of, OFF, call);
  const { id } = await able(driver.cloneGuest, deps, call.verb).call(driver, guest.uuid, { name, linked }, call);
  return id;
}
