import assert from 'node:assert/strict';
import { it } from 'mocha';
import { GuestForm } from '#shared/model/guest.ts';
import { failure, type Scene } from './scene.ts';

/** Guests are defined, changed, read back and removed. */
export function definitionContract(stage: Scene): void {
  const call = () => ({ driver: stage.driver, signal: stage.signal(), harness: stage.harness });

  it('defines what the definition says', async () => {
    const guest = await stage.define({ name: 'defined-1', vcpus: 2, memoryMiB: 128, title: 'Post office' });
    assert.deepEqual(
      { name: guest.name, vcpus: guest.vcpus, memoryMiB: guest.memoryMiB, title: guest.title },
      { name: 'defined-1', vcpus: 2, memoryMiB: 128, title: 'Post office' },
    );
  });

  it('keeps names and titles that hold blanks, quotes and letters of any script', async () => {
    const { driver, signal, harness } = call();
    for (const text of [`it's a "guest" & <co>; #1 $x`, 'hôte ☃ 𝄞', "'", 'ends with \\']) {
      const name = harness.names === 'plain' ? stage.freshName('A.b_c-d') : text;
      const guest = await stage.define({ name, title: `Title: ${text}` });
      assert.equal(guest.name, name);
      assert.equal(guest.title, `Title: ${text}`);
      assert.deepEqual(await driver.readGuest(guest.id, signal), guest);
      assert.deepEqual(
        (await driver.listGuests(signal)).find((one) => one.id === guest.id),
        guest,
      );
    }
  });

  it('refuses a name that is taken, and changes nothing', async () => {
    const { driver, signal, harness } = call();
    const guest = await stage.define({ memoryMiB: 64 });
    const clash = harness.definition({ name: guest.name, memoryMiB: 128 });
    await assert.rejects(driver.defineGuest(clash, { replace: false }, signal), failure('guest-exists'));
    assert.deepEqual(await driver.readGuest(guest.id, signal), guest);
  });

  it('replaces a guest where that is wanted, and it stays the same guest', async () => {
    const { driver, signal, harness } = call();
    const guest = await stage.define({ memoryMiB: 64 });
    const changed = await driver.defineGuest(
      harness.definition({ name: guest.name, memoryMiB: 128, title: 'New' }),
      { replace: true },
      signal,
    );
    assert.deepEqual(changed, { ...guest, memoryMiB: 128, title: 'New' });
    assert.equal((await driver.listGuests(signal)).filter((one) => one.name === guest.name).length, 1);
  });

  it('takes back the definition that it gave', async () => {
    const { driver, signal } = call();
    const guest = await stage.define({ title: 'Round & round', vcpus: 2 });
    const text = await driver.readDefinition(guest.id, signal);
    assert.deepEqual(await driver.defineGuest(text, { replace: true }, signal), guest);
    assert.deepEqual(linesOf(await driver.readDefinition(guest.id, signal)), linesOf(text));
    await driver.deleteGuest(guest.id, signal);
    const again = await driver.defineGuest(text, { replace: false }, signal);
    try {
      assert.equal(again.name, guest.name);
      assert.deepEqual(linesOf(await driver.readDefinition(again.id, signal)), linesOf(text));
    } finally {
      await driver.deleteGuest(again.id, signal);
    }
  });

  it('refuses what is no definition, and says why', async () => {
    const { driver, signal } = call();
    const before = (await driver.listGuests(signal)).length;
    for (const text of ['', 'not a definition', '<domain', '{', '<pool><name>x</name></pool>', '[]']) {
      await assert.rejects(driver.defineGuest(text, { replace: false }, signal), failure('guest-definition'), text);
    }
    assert.equal((await driver.listGuests(signal)).length, before);
  });

  it('writes a definition from the short form, and takes it', async () => {
    const { driver, signal } = call();
    const form = GuestForm.parse({ name: stage.freshName('form'), vcpus: 2, memoryMiB: 192, title: 'From a form' });
    const count = (await driver.listGuests(signal)).length;
    const text = driver.definitionOf(form);
    assert.equal((await driver.listGuests(signal)).length, count, 'asking for a definition makes nothing');
    const guest = await driver.defineGuest(text, { replace: false }, signal);
    try {
      assert.deepEqual(
        { name: guest.name, vcpus: guest.vcpus, memoryMiB: guest.memoryMiB, title: guest.title, state: guest.state },
        { name: form.name, vcpus: 2, memoryMiB: 192, title: 'From a form', state: 'shutoff' },
      );
    } finally {
      await driver.deleteGuest(guest.id, signal);
    }
  });

  it('says of a disk or a nic in the short form what is wrong with it', async () => {
    const { driver } = call();
    for (const bad of [{ disks: [''] }, { disks: ['/a,colour=red'] }, { nics: [''] }, { nics: ['wire=7'] }]) {
      const form = GuestForm.parse({ name: 'bad-form', ...bad });
      assert.throws(() => driver.definitionOf(form), failure('guest-definition'), JSON.stringify(bad));
    }
  });

  it('deletes a guest that is off, and refuses it for one that runs', async () => {
    const { driver, signal } = call();
    const guest = await stage.running();
    await assert.rejects(driver.deleteGuest(guest.id, signal), failure('guest-wrong-state'));
    assert.equal(await stage.state(guest), 'running');
    await driver.poweroffGuest(guest.id, signal);
    await driver.deleteGuest(guest.id, signal);
    assert.equal(
      (await driver.listGuests(signal)).find((one) => one.id === guest.id),
      undefined,
    );
  });
}

/** A hypervisor may put what it made itself in another place. */
const linesOf = (text: string): string[] => text.split('\n').sort();
