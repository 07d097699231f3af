import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { watchZones } from '#agent/drivers/lxc/folder-watch.ts';
import { followLog } from '#agent/drivers/lxc/log-follow.ts';

const ROTATIONS = 160;

describe('agent/drivers/lxc: files that are watched', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skerry-watch-unit-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('tell of a zone that took the place of another at once, and of what becomes of it', async () => {
    const zone = join(folder, 'web');
    const make = (): void => {
      mkdirSync(zone);
      writeFileSync(join(zone, 'config'), '');
    };
    make();
    const news = new EventTarget();
    const heard: string[] = [];
    const tell = (what: string) => (name: string) => {
      heard.push(`${what} ${name}`);
      news.dispatchEvent(new Event(what));
    };
    const end = watchZones(folder, {
      ...{ appeared: tell('appeared'), changed: tell('changed'), gone: tell('gone') },
      broke: (problem) => assert.fail(problem),
    });
    try {
      const appeared = once(news, 'appeared', { signal: AbortSignal.timeout(30_000) });
      renameSync(zone, join(folder, '.gone'));
      make();
      await appeared;
      assert.deepEqual(heard.slice(0, 2), ['gone web', 'appeared web']);
      const changed = once(news, 'changed', { signal: AbortSignal.timeout(30_000) });
      await writeFile(join(zone, 'config.new'), 'x');
      renameSync(join(zone, 'config.new'), join(zone, 'config'));
      await changed;
    } finally {
      end();
    }
  });

  it('tell once when a log can be read no more', async () => {
    const log = join(folder, 'log');
    await writeFile(log, '');
    const broken = Promise.withResolvers<unknown>();
    const followed = await followLog(log, broken.resolve);
    followed.onData(() => {});
    rmSync(log);
    await mkdir(log);
    assert.match(String(await broken.promise), /EISDIR|directory/);
    await followed.close();
    await assert.rejects(
      followLog(join(folder, 'nowhere/log'), () => {}),
      /nowhere/,
    );
  });

  it('tell all that a log had before it was moved away, whenever that was', async () => {
    const log = join(folder, 'log');
    writeFileSync(log, '');
    let heard = '';
    const news = new EventTarget();
    const followed = await followLog(log, (problem) => assert.fail(String(problem)));
    followed.onData((chunk) => {
      heard += Buffer.from(chunk).toString();
      news.dispatchEvent(new Event('heard'));
    });
    const until = async (text: string): Promise<void> => {
      for (const signal = AbortSignal.timeout(30_000); !heard.endsWith(text); ) await once(news, 'heard', { signal });
    };
    let written = '';
    const write = (text: string): void => {
      appendFileSync(log, text);
      written += text;
    };
    for (let n = 0; n < ROTATIONS; n++) {
      write(`${n} a\n`);
      // It is looked at meanwhile, each time for another while.
      for (let tick = 0; tick < n % 8; tick++) await new Promise(setImmediate);
      write(`${n} b\n`);
      renameSync(log, `${log}.1`);
      write(`${n} c\n`);
      await until(`${n} c\n`);
    }
    assert.equal(heard, written);
    await followed.close();
  });
});
