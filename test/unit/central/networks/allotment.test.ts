import assert from 'node:assert/strict';
import { allotMac, allotVni } from '#central/networks/allotment.ts';
import { isFailure, PLAN } from './scene.ts';

const mac = (serial: number): string => {
  const digits = serial.toString(16).padStart(4, '0');
  return `06:53:07:10:${digits.slice(0, 2)}:${digits.slice(2)}`;
};

describe('what is allotted', () => {
  it('is the MAC behind the highest one of its level and template, and then the lowest that is free', () => {
    const next = (...taken: string[]) => allotMac(new Set(taken), PLAN, 7, 16);
    assert.equal(next(), mac(1));
    assert.equal(next(mac(1), mac(9), '06:53:07:11:00:0f', '52:54:00:00:00:01'), mac(10));
    assert.equal(next(mac(0xffff), mac(0), mac(1)), mac(2));
  });

  it('is none where all are taken', () => {
    const all = new Set(Array.from({ length: 65_536 }, (_, serial) => mac(serial)));
    assert.throws(() => allotMac(all, PLAN, 7, 16), isFailure('addresses-spent'));
    all.delete(mac(77));
    assert.equal(allotMac(all, PLAN, 7, 16), mac(77));
  });

  it('is a VNI from 1 to 16777215 that is free', () => {
    const last = (): number => 1 - Number.EPSILON;
    assert.equal(
      allotVni(new Set(), () => 0),
      1,
    );
    assert.equal(allotVni(new Set(), last), 16_777_215);
    assert.equal(allotVni(new Set([16_777_215, 1]), last), 2);
  });
});
