import { randomBytes } from 'node:crypto';
import type { Image } from '#agent/images/folder.ts';
import { Failure } from '#shared/errors.ts';
import type { GuestRecipe } from '#shared/model/guest.ts';
import { portLinkOf } from '#shared/model/network.ts';
import { checkedDefinition } from './definition.ts';
import type { FakeGuest } from './guest.ts';
import { macOf, optionsOf } from './nics.ts';
import type { FakeWorld } from './world.ts';

/** A guest made of an image: the fake one takes any, and looks into none. @throws Failure guest-exists, guest-definition */
export function createGuest(world: FakeWorld, host: string, recipe: GuestRecipe, image: Image): FakeGuest {
  requireFree(world, host, recipe.name);
  const { name, vcpus, memoryMiB, nics, title, options } = recipe;
  const [unknown] = Object.keys(options);
  if (unknown !== undefined)
    throw new Failure('guest-definition', { problem: `there is no option ${unknown}; the fake driver has none` });
  return world.define(
    checkedDefinition({ name, vcpus, memoryMiB, nics, ...(title ? { title } : {}), image: image.name }),
  );
}

/** Interfaces that Skerry gave are left out; each other one gets a MAC of its own. */
export function cloneGuest(world: FakeWorld, host: string, { record }: FakeGuest, name: string): FakeGuest {
  requireFree(world, host, name);
  const { id: _, ...definition } = structuredClone(record.definition);
  const nics = definition.nics
    .filter((text) => macOf(text) === '' || optionsOf(text).target !== portLinkOf(macOf(text)))
    .map(withOwnMac);
  return world.define({ ...definition, name, nics });
}

function requireFree(world: FakeWorld, host: string, name: string): void {
  if (world.named(name)) throw new Failure('guest-exists', { guest: name, host });
}

function withOwnMac(text: string): string {
  const { mac: _, target: __, ...rest } = optionsOf(text);
  const mac = ['52', '54', '00', ...[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
  return Object.entries({ ...rest, mac })
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
