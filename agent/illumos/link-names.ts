import { Failure } from '#shared/errors.ts';
import { bridgeOf } from '#shared/model/network.ts';

// illumos wants a link's name to begin with a letter, to have no `-`, and to end with a number (dladm(8)). Names of Skerry have `-`, and
// end as they like; here they have `_`, and `_0` at their end: each name of Skerry has one name there, and no other name has it too.

const PLAIN = /^[A-Za-z][A-Za-z0-9-]*$/;

/** What a link of Skerry's is called on illumos: `sk-grid` is `sk_grid_0`. @throws Failure guest-definition */
export function illumosLink(name: string): string {
  if (!PLAIN.test(name))
    throw new Failure('guest-definition', {
      problem: `illumos can have no link for ${name}: use letters, digits and -`,
    });
  return `${name.replaceAll('-', '_')}_0`;
}

/** What Skerry calls a link of illumos; undefined for links that are none of Skerry's. */
export function skerryLink(link: string): string | undefined {
  const [, name] = /^([A-Za-z][A-Za-z0-9_]*)_0$/.exec(link) ?? [];
  return name?.replaceAll('_', '-');
}

/** The link that a bridge of Skerry's stands for: an etherstub of ours; else a link that is there, as it is called. */
export const overOf = (bridge: string): string => (bridge.startsWith(bridgeOf('')) ? illumosLink(bridge) : bridge);

/** The reverse of `overOf`. */
export function bridgeOfOver(over: string): string {
  const name = skerryLink(over);
  return name?.startsWith(bridgeOf('')) ? name : over;
}

export const stubOf = (network: string): string => illumosLink(bridgeOf(network));

/** The network of an etherstub of ours. */
export function networkOfStub(link: string): string | undefined {
  const name = skerryLink(link);
  return name?.startsWith(bridgeOf('')) ? name.slice(bridgeOf('').length) : undefined;
}

/** The vnic by which all shared-ip zones of a network reach it. */
export const sharedVnicOf = (network: string): string => illumosLink(`sks-${network}`);
