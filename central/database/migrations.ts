import type { Kysely } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';

/** One step a version, in order of their names. Never change one that was released. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-begin': { up: begin },
  '0002-chains': { up: chains },
  '0003-titles': { up: titles },
  '0004-networks': { up: networks },
};

export const migrations: MigrationProvider = { getMigrations: async () => ({ ...MIGRATIONS }) };

async function begin(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('hosts')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('jid', 'text', (column) => column.notNull().unique())
    .addColumn('enrolled_at', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('heard_at', 'text')
    .addColumn('facts', 'text')
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('title', 'text')
    .addColumn('notes', 'text')
    .execute();
  await schema
    .createTable('guests')
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('uuid', 'text', (column) => column.notNull())
    .addColumn('contact', 'text', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('guests_key', ['host', 'uuid'])
    .execute();
  await schema
    .createTable('contacts')
    .addColumn('contact', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('uuid', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('notes', 'text')
    .execute();
  await schema
    .createTable('subscriptions')
    .addColumn('contact', 'text', (column) => column.notNull())
    .addColumn('jid', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('subscriptions_key', ['contact', 'jid'])
    .execute();
  await work(db);
  await rules(db);
}

async function work({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('operations')
    .addColumn('requester', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('verb', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('args', 'text', (column) => column.notNull())
    .addColumn('surface', 'text', (column) => column.notNull())
    .addColumn('began_at', 'text', (column) => column.notNull())
    .addColumn('recorded', 'text')
    .addColumn('ended_at', 'text')
    .addPrimaryKeyConstraint('operations_key', ['requester', 'id'])
    .execute();
  await schema.createIndex('operations_began').on('operations').column('began_at').execute();
  await schema
    .createTable('jobs')
    .addColumn('n', 'bigint', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('job', 'text', (column) => column.notNull())
    .addColumn('args', 'text', (column) => column.notNull())
    .addColumn('requester', 'text', (column) => column.notNull())
    .addColumn('asker', 'text', (column) => column.notNull())
    .addColumn('surface', 'text', (column) => column.notNull())
    .addColumn('operation', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('jobs_state').on('jobs').column('state').execute();
  await schema.createIndex('jobs_operation').on('jobs').columns(['asker', 'operation']).execute();
  await schema
    .createTable('audit')
    .addColumn('seq', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
}

async function rules({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('schedules')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('schedule', 'text', (column) => column.notNull())
    .addColumn('next_at', 'text')
    .addColumn('last_at', 'text')
    .addColumn('last_outcome', 'text')
    .execute();
  await schema
    .createTable('policies')
    .addColumn('version', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('policy', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('tokens')
    .addColumn('host', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .addColumn('used_at', 'text')
    .execute();
  await schema
    .createTable('settings')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
}

async function chains({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('chains')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('text', 'text', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('wanted', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('runs')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('chain', 'text', (column) => column.notNull())
    .addColumn('run', 'text', (column) => column.notNull())
    .addColumn('requester', 'text', (column) => column.notNull())
    .addColumn('began_at', 'text', (column) => column.notNull())
    .addColumn('ended', 'integer', (column) => column.notNull())
    .execute();
  await schema.createIndex('runs_chain').on('runs').columns(['chain', 'began_at']).execute();
  await schema
    .createTable('run_nodes')
    .addColumn('run', 'text', (column) => column.notNull())
    .addColumn('place', 'integer', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_nodes_key', ['run', 'place'])
    .execute();
  await schema
    .createTable('node_times')
    .addColumn('chain', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('start_ms', 'integer')
    .addColumn('stop_ms', 'integer')
    .addPrimaryKeyConstraint('node_times_key', ['chain', 'node'])
    .execute();
}

async function titles({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('contacts').addColumn('title', 'text').execute();
}

async function networks({ schema }: Kysely<unknown>): Promise<void> {
  for (const name of ['networks', 'ports', 'routers', 'forwards', 'ingress', 'looks'])
    await schema
      .createTable(name)
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('record', 'text', (column) => column.notNull())
      .execute();
  await schema
    .createTable('network_changes')
    .addColumn('operation', 'text', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('change', 'text', (column) => column.notNull())
    .execute();
}
