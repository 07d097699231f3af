import { partNamed } from '#agent/drivers/part.ts';
import { Failure } from '#shared/errors.ts';
import { parameterOf } from '#shared/model/boot-parameter.ts';
import { type Guest, GuestForm, type GuestState } from '#shared/model/guest.ts';
import type { Asking, Questions } from '#shared/verb/confirm.ts';
import type { Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { guestVerbs } from '#shared/verbs/guest.ts';
import { able, fresh, type GuestDeps, OFF, ON } from './ground.ts';
import { runProgram } from './program.ts';
import { shutDown } from './shutdown.ts';

export function guestHandlers(deps: GuestDeps): Handlers<typeof guestVerbs> {
  const { driver, inventory } = deps;

  /** Do something to a guest in one of these states, and answer how it is afterwards. */
  const change = async (
    name: string,
    needed: readonly GuestState[],
    call: Call,
    act: (guest: Guest) => Promise<void>,
  ): Promise<Guest> => {
    const guest = await fresh(deps, name, needed, call);
    await act(guest);
    return (await inventory.refresh(guest.uuid, call.signal)) ?? { ...guest, state: 'shutoff' };
  };

  return {
    'guest.list': async ({ state, match }, { requester }) =>
      inventory
        .guests()
        .filter(
          (guest) =>
            (state === undefined || guest.state === state) &&
            (match === undefined || guest.name.includes(match)) &&
            deps.may(requester, 'guest.info', { guest: guest.name }),
        ),
    'guest.info': async ({ guest }) => inventory.guest(guest),
    'guest.start': ({ guest, paused, params }, call) =>
      change(guest, OFF, call, async (found) => {
        await marked(deps, found, call.signal);
        await driver.startGuest(found.uuid, { paused, params: params.map(parameterOf) }, call.signal);
      }),
    'guest.params': async ({ guest }, { signal }) => driver.readParams(inventory.guest(guest).uuid, signal),
    'guest.shutdown': (args, call) => shutDown(deps, args, call),
    'guest.poweroff': ({ guest }, call) =>
      change(guest, ON, call, ({ uuid }) => driver.poweroffGuest(uuid, call.signal)),
    'guest.reboot': ({ guest }, call) =>
      change(guest, ['running', 'blocked'], call, ({ uuid }) => driver.rebootGuest(uuid, call.signal)),
    'guest.suspend': ({ guest }, call) =>
      change(guest, ['running', 'blocked'], call, ({ uuid }) =>
        able(driver.suspendGuest, deps, call.verb).call(driver, uuid, call.signal),
      ),
    'guest.resume': ({ guest }, call) =>
      change(guest, ['paused'], call, ({ uuid }) =>
        able(driver.resumeGuest, deps, call.verb).call(driver, uuid, call.signal),
      ),
    'guest.define': (args, call) => define(deps, args, call),
    'guest.delete': ({ guest }, call) => change(guest, OFF, call, ({ uuid }) => driver.deleteGuest(uuid, call.signal)),
    'guest.set': async ({ guest: name, ...settings }, { signal }) => {
      const guest = inventory.guest(name);
      if (Object.values(settings).every((value) => value === undefined))
        throw new Failure('bad-argument', { field: 'vcpus, memoryMiB or title', problem: 'say at least one of them' });
      const changed = await driver.setGuest(guest.uuid, settings, signal);
      await inventory.refresh(guest.uuid, signal);
      return changed;
    },
    'guest.autostart': async ({ guest: name, enabled }, call) => {
      const guest = inventory.guest(name);
      if (!guest.persistent)
        throw new Failure('guest-wrong-state', {
          guest: name,
          state: 'transient',
          needed: 'persistent',
          verb: call.verb,
        });
      await driver.setAutostart(guest.uuid, enabled, call.signal);
      return (await inventory.refresh(guest.uuid, call.signal)) ?? guest;
    },
    'guest.definition': async ({ guest }, { signal }) => ({
      name: guest,
      definition: await driver.readDefinition(inventory.guest(guest).uuid, signal),
    }),
    'guest.exec': (args, call) => runProgram(deps, args, call),
    'guest.stats': async ({ guest }, { signal }) => driver.readStats(inventory.guest(guest).uuid, signal),
  };
}

/** What is asked before a guest may lose work: nobody is asked of one that is not there, or not in a state for it. */
export function guestQuestions(deps: Pick<GuestDeps, 'inventory'>): Questions<typeof guestVerbs> {
  const inState =
    (needed: readonly GuestState[]) =>
    async ({ guest }: { guest: string }, asking: Asking): Promise<undefined> =>
      void (await fresh(deps, guest, needed, asking));
  return { 'guest.poweroff': inState(ON), 'guest.delete': inState(OFF) };
}

/** So that what it writes from now on can be told from what it wrote before. A console is no reason not to start. */
async function marked({ consoles, log }: GuestDeps, guest: Guest, signal: AbortSignal): Promise<void> {
  try {
    await consoles.mark(guest, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ guest: guest.name, err: error }, 'console log cannot be read, lines of before count as of now');
  }
}

type DefineArgs = Parameters<Handlers<typeof guestVerbs>['guest.define']>[0];

async function define(deps: GuestDeps, args: DefineArgs, call: Call): Promise<Guest> {
  const { inventory, may, host } = deps;
  const { definition, replace, disk, nic, driver: wanted, ...rest } = args;
  const there = replace && rest.name !== undefined ? inventory.find(rest.name)?.driver : undefined;
  const driver = partNamed(deps.driver, wanted ?? there);
  if (definition === undefined && rest.name === undefined)
    throw new Failure('bad-argument', {
      field: 'name',
      problem: 'give a name and what the guest shall have, or a definition',
    });
  if (definition !== undefined) requireDefinable({ driver, may }, definition, rest.name, call);
  const name = rest.name ?? (definition === undefined ? undefined : driver.nameIn?.(definition));
  const namesake = name === undefined ? undefined : inventory.find(name);
  // Of the same driver, the driver says it of a definition itself.
  if (namesake && (namesake.driver !== driver.kind || (rest.name !== undefined && !replace)))
    throw new Failure('guest-exists', { guest: namesake.name, host });
  const text = definition ?? driver.definitionOf(GuestForm.parse({ ...rest, disks: disk, nics: nic }));
  const { id } = await driver.defineGuest(text, { replace }, call.signal);
  const defined = await inventory.refresh(id, call.signal);
  if (!defined) throw new Failure('guest-not-found', { guest: rest.name ?? id, host });
  return defined;
}

/**
 * A definition names the guest itself: who may define some guests only is held to those.
 *
 * @throws Failure guest-definition, not-permitted, bad-argument
 */
function requireDefinable(
  { driver, may }: Pick<GuestDeps, 'driver' | 'may'>,
  definition: string,
  name: string | undefined,
  { requester, verb }: Call,
): void {
  // A driver that cannot tell the name leaves definitions to those who may define any guest.
  const defined = driver.nameIn?.(definition) ?? '';
  if (!may(requester, verb, { guest: defined })) {
    throw new Failure('not-permitted', { requester: requester.bareJid, verb: `${verb} ${defined}`.trim() });
  }
  if (name !== undefined && driver.nameIn && name !== defined) {
    throw new Failure('bad-argument', { field: 'name', problem: `the definition is of a guest ${defined}` });
  }
}
