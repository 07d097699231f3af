import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { colonFields } from '#agent/illumos/colon-fields.ts';
import { parseInterfaces } from '#agent/illumos/interfaces.ts';
import {
  bridgeOfOver,
  illumosLink,
  networkOfStub,
  overOf,
  sharedVnicOf,
  skerryLink,
  stubOf,
} from '#agent/illumos/link-names.ts';
import { createVnic, isAbsentLink, macOf, parseLinks, parseVnics } from '#agent/illumos/links.ts';
import { Failure } from '#shared/errors.ts';
import { NetworkName, portLinkOf } from '#shared/model/network.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/zones/${name}`, import.meta.url), 'utf8');
/** dladm(8): begins with no digit, ends with one, letters, digits and `_` between, at most 31. */
const VALID = /^[A-Za-z_][A-Za-z0-9_]{0,29}[0-9]$/;

describe('illumos: names of links', () => {
  const network = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/).filter((name) => NetworkName.safeParse(name).success);
  const mac = fc
    .uint8Array({ minLength: 6, maxLength: 6 })
    .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));

  it('are what dladm takes, one for each of ours, and found again', () => {
    fc.assert(
      fc.property(network, network, mac, (one, other, address) => {
        const names = [stubOf(one), sharedVnicOf(one), illumosLink(portLinkOf(address))];
        for (const name of names) assert.match(name, VALID);
        assert.equal(new Set(names).size, 3);
        assert.equal(stubOf(one) === stubOf(other), one === other);
        assert.equal(networkOfStub(stubOf(one)), one);
        assert.equal(networkOfStub(sharedVnicOf(one)), undefined);
        assert.equal(skerryLink(illumosLink(portLinkOf(address))), portLinkOf(address));
        assert.equal(bridgeOfOver(overOf(`sk-${one}`)), `sk-${one}`);
      }),
    );
    assert.equal(stubOf('grid'), 'sk_grid_0');
    assert.equal(overOf('e1000g0'), 'e1000g0', 'a link of the host is called as it is');
    assert.equal(bridgeOfOver('e1000g0'), 'e1000g0');
  });

  it('are refused where illumos could have none', () => {
    for (const name of ['7up', 'a_b', 'a.b', '-x', '', 'a b', '$(id)'])
      assert.throws(
        () => illumosLink(name),
        (error) => error instanceof Failure && error.code === 'guest-definition',
        name,
      );
  });
});

describe('illumos: what dladm prints', () => {
  it('has fields of any content', () => {
    const field = fc.stringMatching(/^[ -~]{0,8}$/);
    fc.assert(
      fc.property(fc.array(field, { minLength: 2, maxLength: 6 }), (fields) => {
        const line = fields.map((each) => each.replaceAll('\\', '\\\\').replaceAll(':', '\\:')).join(':');
        assert.deepEqual(colonFields(line, ':\\'), fields);
      }),
    );
  });

  it('is read', () => {
    assert.deepEqual(parseLinks(fixture('show-link.txt')), [
      { link: 'e1000g0', class: 'phys', mtu: 1500 },
      { link: 'zrstub0', class: 'etherstub', mtu: 9000 },
      { link: 'znic0', class: 'vnic', mtu: 1500 },
      { link: 'net0', class: 'vnic', mtu: 1500 },
      { link: 'snic0', class: 'vnic', mtu: undefined },
    ]);
    assert.deepEqual(parseVnics(fixture('show-vnic.txt')), [
      { link: 'znic0', over: 'e1000g0', mac: '02:08:20:d6:c7:3c', zone: 'web1' },
      { link: 'snic0', over: 'zrstub0', mac: '02:08:20:00:0b:ff', zone: undefined },
      { link: 'sk52540063000c_0', over: 'sk_lan_0', mac: '52:54:00:63:00:0c', zone: undefined },
    ]);
    assert.deepEqual(parseInterfaces('lo0\nsnic0\n'), ['lo0', 'snic0']);
    assert.equal(macOf('2:8:20:d6:c7:3c'), '02:08:20:d6:c7:3c');
    for (const text of ['?', '', '2:8:20:d6:c7', 'g:0:0:0:0:0'])
      assert.throws(
        () => macOf(text),
        (error) => error instanceof Failure && error.code === 'host-output',
        text,
      );
  });

  it('says of a link that it is not there', () => {
    const problem = "dladm: invalid vnic name 'dev0': object not found";
    assert.ok(isAbsentLink(new Failure('host-command', { problem })));
    assert.ok(!isAbsentLink(new Failure('host-command', { problem: 'dladm: vnic deletion failed: link busy' })));
  });

  it('is asked by argv', () => {
    assert.deepEqual(createVnic({ link: 'sk1_0', over: 'sk_a_0', mac: '02:00:00:00:00:01', mtu: 1450 }).args, [
      ...['create-vnic', '-l', 'sk_a_0', '-m', '02:00:00:00:00:01', '-p', 'mtu=1450', 'sk1_0'],
    ]);
  });
});
