import { z } from 'zod';
import { Mac } from '#shared/model/address.ts';
import { GuestRef } from '#shared/model/guest.ts';
import { NetworkName } from '#shared/model/network.ts';
import { Nic, NicWanted } from '#shared/model/nic.ts';
import { verb } from '#shared/verb/verb.ts';

const ofGuest = {
  positional: ['guest'],
  guestArg: 'guest',
  result: z.array(Nic),
  failures: ['guest-not-found', 'guest-definition', 'host-command', 'host-timeout'],
  timeoutMs: 60_000,
} as const;
const oneGuest = z.strictObject({ guest: GuestRef });
const { bridge, link, mtu } = NicWanted.shape;
const mac = Mac.meta({ title: 'MAC', description: 'As 52:54:00:63:00:0c.' });

/** Network interfaces of guests, one by one. */
export const nicVerbs = {
  'nic.list': verb({
    ...ofGuest,
    summary: 'List the network interfaces of a guest.',
    details: 'What runs and what its definition says, where that differs.',
    risk: 'read',
    args: oneGuest,
    timeoutMs: 10_000,
    example: 'nic list venti',
  }),
  'nic.attach': verb({
    ...ofGuest,
    summary: 'Give a guest a network interface, at once where it runs.',
    details:
      'One of the same MAC is changed in what differs. What a running guest cannot take holds from its next start, and the answer says so.',
    risk: 'change',
    args: oneGuest.extend({
      network: NetworkName,
      mac,
      bridge: bridge.meta({ title: 'Bridge', description: 'A bridge of the host.' }),
      link: link.meta({ title: 'Link', description: "Name of the host's end of it." }),
      mtu: mtu.default(1500).meta({ title: 'MTU', unit: 'bytes' }),
    }),
    positional: ['guest', 'network'],
    example: 'nic attach venti lan mac=52:54:00:63:00:0c bridge=sk-lan link=sk52540063000c mtu=1450',
  }),
  'nic.detach': verb({
    ...ofGuest,
    summary: 'Take a network interface away from a guest, at once where it lets go of it.',
    details: 'Nothing happens where it has none of that MAC. The answer says what is left of it.',
    risk: 'change',
    args: oneGuest.extend({ mac }),
    positional: ['guest', 'mac'],
    example: 'nic detach venti 52:54:00:63:00:0c',
  }),
};
