import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { endOf } from '#agent/drivers/libvirt/namespace-programs.ts';

const WORDS = (kind: string, number: number): string =>
  `error: internal error: Child process (4711) unexpected ${kind} ${number}\n`;
/** As runToEnd tells it, where it keeps so many bytes. */
const ended = (stderr: string, exitCode: number, kept = 10_000) => ({
  ...{ exitCode, stdout: Buffer.from('out'), stderr: Buffer.from(stderr).subarray(0, kept) },
  ...{ stderrEnd: Buffer.from(stderr).subarray(-512).toString('latin1'), cut: kept < stderr.length, isLate: false },
});
const read = (...args: Parameters<typeof ended>) => {
  const end = endOf(ended(...args));
  return end && { ...end, stdout: Buffer.from(end.stdout).toString(), stderr: Buffer.from(end.stderr).toString() };
};

describe('agent/drivers/libvirt: how a program in a container ended', () => {
  it('is in what virsh says last, which is not told of the program', () => {
    assert.deepEqual(read('mine\n', 0), { exitCode: 0, stdout: 'out', stderr: 'mine\n', cut: false });
    assert.deepEqual(read(`mine\n${WORDS('exit status', 7)}`, 1), {
      ...{ exitCode: 7, stdout: 'out', stderr: 'mine\n', cut: false },
    });
    assert.deepEqual(read(`no line end${WORDS('fatal signal', 9)}`, 1), {
      ...{ signal: 9, stdout: 'out', stderr: 'no line end', cut: false },
    });
  });

  it('is known of a program that wrote more than is kept', () => {
    const end = read('x'.repeat(2_000) + WORDS('exit status', 3), 1, 100);
    assert.deepEqual(end, { exitCode: 3, stdout: 'out', stderr: 'x'.repeat(100), cut: true });
  });

  it('is not known where virsh did not get there', () => {
    assert.equal(read('error: failed to get domain\n', 1), undefined);
    assert.equal(endOf({ ...ended('', 1), exitCode: undefined as unknown as number }), undefined);
  });

  it('leaves what the program wrote as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 255 }), (said, code) => {
        const end = read(said + WORDS('exit status', code), 1);
        assert.equal(end?.exitCode, code);
        assert.equal(end?.stderr, Buffer.from(said).toString());
      }),
    );
  });
});
