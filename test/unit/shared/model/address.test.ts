import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  Address,
  Address6,
  contains,
  eui64,
  Interface,
  Mac,
  nth,
  numberOf,
  overlap,
  Subnet,
  sizeOf,
  split,
  subnetOf,
} from '#shared/model/address.ts';

const v4 = fc.ipV4();
const v6 = fc.ipV6().filter((text) => Address6.safeParse(text).success);

describe('addresses', () => {
  it('has one way of writing for each', () => {
    assert.equal(Address.parse('FD00:99:0:0::C'), 'fd00:99::c');
    assert.equal(Interface.parse('FD00::1/64'), 'fd00::1/64');
    assert.equal(Mac.parse('52:54:00:63:00:0C'), '52:54:00:63:00:0c');
    fc.assert(fc.property(fc.oneof(v4, v6), (text) => Address.parse(Address.parse(text)) === Address.parse(text)));
  });

  const refused: [{ safeParse(text: string): { success: boolean } }, string[]][] = [
    [
      Address,
      [
        '',
        '10.0.0',
        '010.0.0.1',
        '10.0.0.256',
        '0x7f.1',
        '2130706433',
        '::ffff:10.0.0.1',
        'fe80::1%eth0',
        '-x',
        '10.0.0.1\n',
        ' 10.0.0.1',
        '10.0.0.1/8',
      ],
    ],
    [
      Interface,
      [
        '10.0.0.1',
        '10.0.0.1/33',
        '10.0.0.1/08',
        '10.0.0.1/',
        'fd00::1/129',
        '::ffff:1.2.3.4/96',
        'fd00::%x/64',
        '10.0.0.1/8/8',
        '10.0.0.1/-1',
      ],
    ],
    [Subnet, ['10.99.0.1/16', 'fd00::1/64', '10.0.0.0', '10.0.0.0/99']],
    [Mac, ['', '52:54:00:63:00', '53:54:00:63:00:0c', '52-54-00-63-00-0c', '52:54:00:63:00:0g', '52:54:00:63:00:0c\n']],
  ];
  for (const [schema, texts] of refused)
    for (const text of texts)
      it(`refuses ${JSON.stringify(text)}`, () => assert.equal(schema.safeParse(text).success, false));

  it('finds the subnet of an address, which holds it', () => {
    assert.equal(subnetOf('10.99.3.4/16'), '10.99.0.0/16');
    assert.equal(subnetOf('fd00:99::c/64'), 'fd00:99::/64');
    fc.assert(
      fc.property(
        fc.oneof(fc.tuple(v4, fc.integer({ min: 0, max: 32 })), fc.tuple(v6, fc.integer({ min: 0, max: 128 }))),
        ([text, length]) => {
          const address = Address.parse(text);
          const subnet = subnetOf(`${address}/${length}`);
          assert.ok(Subnet.safeParse(subnet).success, subnet);
          assert.ok(contains(subnet, address));
          assert.equal(nth(subnet, numberOf(address) - numberOf(split(subnet).address)), address);
          assert.equal(nth(subnet, sizeOf(subnet)), undefined);
        },
      ),
    );
  });

  it('knows which subnets overlap', () => {
    assert.ok(overlap('10.0.0.0/8', '10.1.2.0/24'));
    assert.ok(overlap('10.1.2.0/24', '10.0.0.0/8'));
    assert.ok(!overlap('10.1.2.0/24', '10.1.3.0/24'));
    assert.ok(!overlap('10.0.0.0/8', 'fd00::/8'));
  });

  it('makes the address that a machine makes itself', () => {
    assert.equal(eui64('fd00:99::/64', '52:54:00:63:00:0c'), 'fd00:99::5054:ff:fe63:c');
  });

  it('of a subnet that is none say which one was meant', () => {
    for (const [text, meant] of [
      ['10.20.5.7/24', '10.20.5.0/24'],
      ['fd00:99::1/64', 'fd00:99::/64'],
    ] as const)
      assert.equal(
        Subnet.safeParse(text).error?.issues[0]?.message,
        `the part after the prefix has to be zero, as in ${meant}`,
      );
  });
});
