import assert from 'node:assert/strict';
import { partOf } from '#shared/chain/chain-part.ts';

describe('a part of a chain', () => {
  it('has the nodes with what is right in them, and says what it left out', () => {
    const part = partOf({
      chain: 5,
      nodes: { a: { after: [5, 'b', {}, 'c'], hold: 1, host: 'host1' }, b: 'none', '?': {}, c: {} },
    });
    assert.deepEqual(Object.keys(part.chain.nodes), ['a', 'b', 'c']);
    assert.deepEqual(
      part.chain.nodes.a?.after.map(({ name }) => name),
      ['b', 'c'],
    );
    assert.equal(part.chain.nodes.a?.host, 'host1');
    assert.ok(part.isUnread('a', 'hold') && part.isUnread('a', 'after'));
    assert.ok(!part.isUnread('a', 'host') && !part.isUnread('c', 'after'));
  });

  it('gives the places that items had in the file', () => {
    const { pathInFile } = partOf({ nodes: { a: { after: [5, 'b', {}, 'c'] }, b: { after: ['a'] } } });
    assert.deepEqual(pathInFile(['nodes', 'a', 'after', 0]), ['nodes', 'a', 'after', 1]);
    assert.deepEqual(pathInFile(['nodes', 'a', 'after', 1, 'name']), ['nodes', 'a', 'after', 3, 'name']);
    assert.deepEqual(pathInFile(['nodes', 'b', 'after', 0]), ['nodes', 'b', 'after', 0]);
    assert.deepEqual(pathInFile(['nodes', 'a']), ['nodes', 'a']);
  });

  it('is empty where there is nothing to read', () => {
    for (const value of [null, 5, [], {}, { nodes: [] }, { nodes: null }])
      assert.deepEqual(partOf(value).chain.nodes, {});
  });
});
