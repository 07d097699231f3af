import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Command, run } from '#agent/exec/run.ts';
import { commandLook } from '#agent/probes/command.ts';

/** Resolves when a process has ended: one that nobody has asked about yet has. */
async function gone(pid: number): Promise<void> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (stat === '' || /\) [ZX] /.test(stat)) return;
  await setImmediate();
  await gone(pid);
}

const signal = () => AbortSignal.timeout(40_000);
const NODE = process.execPath;
const COMMANDS = {
  fine: [NODE, '-e', ''],
  sick: [NODE, '-e', 'console.error("the pool is degraded\\nand more"); process.exit(3)'],
  quiet: [NODE, '-e', 'process.exit(1)'],
  endless: [NODE, '-e', 'setInterval(() => {}, 1000)'],
  wordy: [NODE, '-e', 'for (;;) require("fs").writeSync(1, "x".repeat(10000))'],
  missing: ['/no/such/program'],
};
const look = (name: string, limitMs = 30_000) => commandLook({ commands: COMMANDS, run, host: 'host1' }, name, limitMs);

describe('a look by a command', () => {
  it('is good where it exits with 0, and says with what else', async () => {
    assert.deepEqual(await look('fine')(signal()), { ok: true });
    assert.deepEqual(await look('sick')(signal()), {
      ok: false,
      why: 'it ended with exit code 3: the pool is degraded',
    });
    assert.match(JSON.stringify(await look('quiet')(signal())), /ended with exit code 1/);
    assert.match(JSON.stringify(await look('missing')(signal())), /no program .no.such.program here/);
  });

  it('ends at its limit, and when it writes too much', async () => {
    assert.match(JSON.stringify(await look('endless', 300)(signal())), /did not answer within 0.3 s/);
    assert.match(JSON.stringify(await look('wordy')(signal())), /wrote more than 65536 bytes/);
  });

  it('takes everything with it that it started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-probe-'));
    const file = join(folder, 'pid');
    const script = `sleep 600 & echo $! >${file}; exit 0`;
    const commands = {
      leaves: ['/bin/sh', '-c', script],
      waits: ['/bin/sh', '-c', `${script.replace('exit 0', 'wait')}`],
    };
    for (const name of ['leaves', 'waits']) {
      const verdict = await commandLook({ commands, run, host: 'host1' }, name, 2_000)(signal());
      assert.match(JSON.stringify(verdict), /did not answer within 2 s/, name);
      await gone(Number(await readFile(file, 'utf8')));
    }
    await rm(folder, { recursive: true });
  });

  it('runs what the list has, and nothing else', async () => {
    const names = [
      'sh',
      '',
      'fine ',
      'FINE',
      '../fine',
      'constructor',
      '__proto__',
      'toString',
      `${NODE}`,
      'fine;reboot',
    ];
    const ran: Command[] = [];
    const counted = async (command: Command) => {
      ran.push(command);
      return '';
    };
    for (const name of names) {
      const verdict = await commandLook({ commands: COMMANDS, run: counted, host: 'host1' }, name, 1_000)(signal());
      assert.deepEqual(verdict, { ok: false, why: `host1 allows no command ${name}: its configuration lists them` });
    }
    assert.deepEqual(ran, []);
  });

  it('gets its arguments as they are listed, with no shell between', async () => {
    const ran: Command[] = [];
    const counted = async (command: Command) => {
      ran.push(command);
      return '';
    };
    const commands = { odd: ['/bin/echo', '$(reboot)', ';', '*', "a'b"] };
    assert.deepEqual(await commandLook({ commands, run: counted, host: 'h' }, 'odd', 1_000)(signal()), { ok: true });
    assert.deepEqual(
      ran.map(({ file, args }) => [file, ...args]),
      [commands.odd],
    );
  });
});
