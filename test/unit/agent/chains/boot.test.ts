import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bootMark } from '#agent/chains/boot.ts';

describe('the mark of a boot', () => {
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'skerry-proc-'));
  });
  afterEach(() => rmSync(proc, { recursive: true, force: true }));
  const has = (file: string, text: string): void => {
    mkdirSync(dirname(join(proc, file)), { recursive: true });
    writeFileSync(join(proc, file), text);
  };
  const stat = (began: number): string => `1 (a (b) c) S ${'0 '.repeat(18)}${began} 7 8\n`;

  it('is of the kernel, and of process 1', () => {
    has('sys/kernel/random/boot_id', 'b00t-1\n');
    has('1/stat', stat(42));
    assert.equal(bootMark(proc), 'b00t-1 42');
  });

  it('is of the kernel alone where process 1 is hidden', () => {
    has('sys/kernel/random/boot_id', 'b00t-1\n');
    assert.equal(bootMark(proc), 'b00t-1');
  });

  it('is none where the system does not tell', () => {
    assert.equal(bootMark(proc), undefined);
  });
});
