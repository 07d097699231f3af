import assert from 'node:assert/strict';
import { Chain, ChainNode, chainJsonSchema, NodeName } from '#shared/model/chain.ts';

describe('a chain', () => {
  it('has standard values for all that may be left out', () => {
    assert.deepEqual(Chain.parse({ chain: 'site', nodes: { a: {} } }), {
      chain: 'site',
      autostart: false,
      nodes: {
        a: {
          kind: 'guest',
          tags: [],
          after: [],
          timeoutMs: 120_000,
          retries: { count: 0, delayMs: 5_000, factor: 2, mostMs: 300_000 },
          delayMs: 0,
          onFailure: 'halt',
          stop: { how: 'shutdown', timeoutMs: 60_000, andThen: 'force' },
          params: {},
          hold: false,
          power: false,
          members: [],
          atOnce: undefined,
        },
      },
    });
  });

  it('reads retries as a count or as a map, to the same shape', () => {
    assert.deepEqual(ChainNode.parse({ retries: 4 }).retries, ChainNode.parse({ retries: { count: 4 } }).retries);
  });

  it('reads a name and a map with a name, to the same dependency', () => {
    assert.deepEqual(ChainNode.parse({ after: ['a'] }).after, ChainNode.parse({ after: [{ name: 'a' }] }).after);
  });

  for (const name of ['a', '1', 'web-1.example_x', 'A'.repeat(63)])
    it(`may have a node ${name.slice(0, 20)}`, () => assert.ok(NodeName.safeParse(name).success));
  for (const name of ['', '-a', '.a', '_a', 'a b', 'a/b', 'ä', 'a\n', 'a'.repeat(64), '__proto__'])
    it(`may have no node ${JSON.stringify(name.slice(0, 20))}`, () => assert.ok(!NodeName.safeParse(name).success));

  it('has a JSON Schema in which every key says what it is', () => {
    const silent: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      for (const [key, value] of Object.entries(schema)) {
        if (key === 'properties')
          for (const [name, property] of Object.entries(value as Record<string, { description?: string }>))
            if (!property.description) silent.push(`${path}.${name}`);
        walk(value, `${path}.${key}`);
      }
    };
    walk(chainJsonSchema('inline'), '');
    assert.deepEqual(silent, []);
  });
});
