import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatabaseHarness, storesContract } from './central-stores-contract.ts';
import { hasPostgres, startPostgres } from './postgres-server.ts';

storesContract('SQLite', async (): Promise<DatabaseHarness> => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-central-'));
  let databases = 0;
  return {
    newPlace: async () => join(folder, `${++databases}.sqlite`),
    close: () => rm(folder, { recursive: true }),
  };
});

if (hasPostgres())
  storesContract('PostgreSQL', async (): Promise<DatabaseHarness> => {
    const server = await startPostgres();
    return { newPlace: server.newDatabase, close: server.close };
  });
else
  describe("central's stores on PostgreSQL", () => {
    it("are not tested: Debian's package postgresql-15 is not installed");
  });
