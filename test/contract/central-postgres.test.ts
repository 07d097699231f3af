import assert from 'node:assert/strict';
import { openDatabase } from '#central/database/open.ts';
import { groupWriter } from '#central/database/writer.ts';
import { Failure } from '#shared/errors.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

const notDue = (error: unknown): void => {
  throw error;
};

describe('PostgreSQL as the database of central', function () {
  this.timeout(60_000);
  let server: PostgresServer;

  before(async function () {
    if (!hasPostgres()) {
      process.stderr.write("    Debian's package postgresql-15 is not installed: nothing is tested here\n");
      this.skip();
    }
    server = await startPostgres();
  });
  after(() => server?.close());

  it('is told of by what is wrong, and without its password', async () => {
    const url = (await server.newDatabase()).replace('@', ':hush@').replace('/site', '/nowhere');
    await assert.rejects(openDatabase(url, notDue), (error) => {
      assert.ok(error instanceof Failure && error.code === 'config-invalid');
      assert.match(error.message, /database "nowhere1" does not exist/);
      assert.ok(!error.message.includes('hush'), error.message);
      return true;
    });
  });

  it('is the next central’s as soon as the one that held it is cut off, which is told', async () => {
    const url = await server.newDatabase();
    const lost = Promise.withResolvers<Error>();
    const first = await openDatabase(url, () => {}, lost.resolve);
    await server.query(
      url,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skerry-central'",
    );
    assert.match((await lost.promise).message, /holds the database .* is lost/);
    const second = await openDatabase(url, notDue);
    await second.destroy();
    await first.destroy();
  });

  it('has what was written after the server was killed, and nothing of what was not', async () => {
    const url = await server.newDatabase();
    const lost = Promise.withResolvers<Error>();
    const database = await openDatabase(url, () => {}, lost.resolve);
    const writer = groupWriter(database);
    const set = (key: string) =>
      writer.write(async (transaction) => {
        await transaction.insertInto('settings').values({ key, value: '' }).execute();
      });
    await set('before');
    const held = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const cutOff = writer.write(async (transaction) => {
      await transaction.insertInto('settings').values({ key: 'within', value: '' }).execute();
      inside.resolve();
      await held.promise;
      await transaction.insertInto('settings').values({ key: 'within too', value: '' }).execute();
    });
    cutOff.catch(() => {});
    await inside.promise;
    await server.kill9();
    await lost.promise;
    held.resolve();
    await assert.rejects(cutOff);
    await assert.rejects(set('while it is away'));
    await database.destroy();
    await server.start();
    const later = await openDatabase(url, notDue);
    const rows = await later.selectFrom('settings').selectAll().execute();
    await later.destroy();
    assert.deepEqual(
      rows.map(({ key }) => key),
      ['before'],
    );
  });
});
