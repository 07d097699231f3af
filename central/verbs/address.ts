import { setAddress, withoutGuest } from '#central/networks/network-changes.ts';
import type { Guest } from '#shared/model/guest.ts';
import type { Handler, Handlers } from '#shared/verb/handlers.ts';
import type { Call } from '#shared/verb/request.ts';
import type { passedGuestVerbs, placedVerbs, settingVerbs } from '#shared/verbs/fleet.ts';
import { guestVerbs } from '#shared/verbs/guest.ts';
import type { PortRecord } from '#shared/verbs/network.ts';
import { type AttachDeps, attaching, mayHaveActed } from './attach.ts';
import { reportedGuest } from './reported.ts';
import { knownHost } from './site.ts';

type DeleteHandler = Handler<(typeof passedGuestVerbs)['guest.delete']>;
type Setting = { setting: string; value: string; holds: 'now' | 'from the next start'; problem?: string };

const within = (call: Call, part: string): Call => ({ ...call, operation: `${call.operation} ${part}` });

/** Verbs of guests that have to do with their addresses on networks: those that set them, and the one that gives them back. */
export function addressHandlers(
  deps: AttachDeps,
  deleteGuest: DeleteHandler,
): Handlers<typeof settingVerbs & Pick<typeof placedVerbs, 'guest.define'>> & { 'guest.delete': DeleteHandler } {
  const { networks, site, ask } = deps;
  const { attach } = attaching(deps);
  /** What would be refused is refused before anything is done. */
  const check = (guest: string, ip: readonly string[]): void => {
    if (ip.length > 0) setAddress(networks.state, { guest, ip }, networks.macs);
  };
  const define = async (host: string, args: object, call: Call): Promise<Guest> =>
    (await ask(knownHost(site, host), 'guest.define', guestVerbs['guest.define'], { ...args }, call)).value as Guest;

  return {
    'guest.set': async ({ ip, ...args }, call) => {
      const target = site.guest(args.guest);
      check(target.contact, ip);
      const isMore = Object.entries(args).some(([name, value]) => name !== 'guest' && value !== undefined);
      const there = { ...args, guest: target.guest.name };
      const row = guestVerbs['guest.set'];
      const set = isMore || ip.length === 0 ? await ask(target.host, 'guest.set', row, there, call) : undefined;
      const settings = (set?.value ?? []) as Setting[];
      if (ip.length === 0) return settings;
      const port = await attach({ guest: target.contact, ip }, within(call, 'ip'), setAddress);
      return [...settings, ...settingsOf(port)];
    },
    'guest.define': async ({ host, ip, ...args }, call) => {
      check(args.name ?? '', ip);
      const guest = await define(host, args, call);
      if (ip.length === 0) return guest;
      try {
        const { contact } = await reportedGuest(site, host, ({ uuid }) => uuid === guest.uuid, call.signal);
        await attach({ guest: contact, ip }, within(call, 'ip'), setAddress);
        return guest;
      } catch (error) {
        // One that was there before stays, with its new definition.
        if (!args.replace && !mayHaveActed(error)) await undefine(deps, host, guest, call);
        throw error;
      }
    },
    'guest.delete': async (args, call) => {
      const { contact } = site.guest(args.guest);
      const guest = await deleteGuest(args, call);
      if ([...networks.state.ports.values()].some((port) => port.guest === contact))
        await networks.take(within(call, 'ports'), (state) => withoutGuest(state, contact));
      return guest;
    },
  };
}

const settingsOf = ({ network, addresses, holds = 'now', problems }: PortRecord): Setting[] => [
  {
    ...{ setting: `address on ${network}`, value: addresses.join(', '), holds },
    ...(problems.length > 0 ? { problem: problems.join('; ') } : {}),
  },
];

const UNDO_MS = 60_000;

/** What was defined by this call, and could not have its address. */
async function undefine({ site, ask }: AttachDeps, host: string, { name }: Guest, call: Call): Promise<void> {
  const row = guestVerbs['guest.delete'];
  await ask(
    knownHost(site, host),
    'guest.delete',
    row,
    { guest: name },
    {
      ...within(call, 'undo'),
      signal: AbortSignal.timeout(UNDO_MS),
    },
  );
}
