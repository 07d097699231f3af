import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readChain } from '#shared/chain/chain-file.ts';
import { keysAt } from '#shared/chain/chain-keys.ts';
import { Failure } from '#shared/errors.ts';
import { Chain, type ChainNode } from '#shared/model/chain.ts';
import { someChain } from '#test/unit/support/chains.ts';

/** What a text is refused with, a line each. */
function problemsIn(text: string): string[] {
  try {
    readChain(text, 'site.yaml');
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, 'chain-file');
    assert.equal(error.details.file, 'site.yaml');
    return String(error.details.problem).split('\n');
  }
  return [];
}

/** A chain with one node `a` and these keys, from line 3 and column 5; and a node `b`. */
const withKeys = (keys: string): string =>
  `chain: site\nnodes:\n  a:\n${keys.replaceAll(/^/gm, '    ')}\n  b:\n    kind: network\n`;
const nodeWith = (keys: string): ChainNode => readChain(withKeys(keys)).nodes.a as ChainNode;

/** Each key of a node: texts that are right and what they are read as, texts that are wrong and what is said. */
const KEYS: Readonly<Record<string, { right: [string, Partial<ChainNode>][]; wrong: [string, string][] }>> = {
  kind: {
    right: [
      ['kind: guest', { kind: 'guest' }],
      ['kind: host', { kind: 'host' }],
      ['kind: network', { kind: 'network' }],
      ['kind: router', { kind: 'router' }],
      ['kind: export\nhost: host1\nexport: { volume: v.raw }', { kind: 'export' }],
    ],
    wrong: [
      ['kind: guests', '4:5: nodes.a.kind: say guest or host or network or router or export or check or group'],
      ['kind: 5', '4:5: nodes.a.kind: say guest or host or network or router or export or check or group'],
      ['kind: check', '3:3: nodes.a: a check needs ready to say what must answer, such as tcp!HOST!PORT'],
      ['kind: check\nready: state', '3:3: nodes.a: a check needs ready to say what must answer, such as tcp!HOST!PORT'],
      ['kind: group', '3:3: nodes.a: a group needs members, the names of its nodes'],
    ],
  },
  guest: {
    right: [['guest: venti-2', { guest: 'venti-2' }]],
    wrong: [
      ['guest: 5', '4:5: nodes.a.guest: write text, in quotes where it looks like a number'],
      ['guest: ""', '4:5: nodes.a.guest: at least 1 letters'],
      [String.raw`guest: "a\nb"`, '4:5: nodes.a.guest: write one line, with no control characters'],
      ['kind: host\nguest: venti', '5:5: nodes.a.guest: a host has no guest; it is for guest'],
    ],
  },
  host: {
    right: [['host: host1', { host: 'host1' }]],
    wrong: [
      [
        'kind: host\nhost: host1',
        '5:5: nodes.a.host: a host has no host; it is for guest, network, router, export, check',
      ],
    ],
  },
  tags: {
    right: [['tags: [fast, ssd]', { tags: ['fast', 'ssd'] }]],
    wrong: [
      ['kind: network\ntags: [fast]', '5:5: nodes.a.tags: a network has no tags; it is for guest'],
      ['tags: fast', '4:5: nodes.a.tags: write a list'],
      ['tags:\n  - fast\n  - 5', '6:9: nodes.a.tags.1: write text, in quotes where it looks like a number'],
      [`tags: [${'x, '.repeat(33)}]`, '4:5: nodes.a.tags: at most 32 items'],
    ],
  },
  after: {
    right: [
      ['after: [b]', { after: [{ name: 'b', until: 'ready', need: 'hard' }] }],
      [
        'after:\n  - { name: b, until: started, need: soft }',
        { after: [{ name: 'b', until: 'started', need: 'soft' }] },
      ],
    ],
    wrong: [
      ['after: b', '4:5: nodes.a.after: write a list'],
      ['after: [5]', '4:13: nodes.a.after.0: name a node, or give a map with name, and until or need'],
      ['after: [-b]', '4:13: nodes.a.after.0: use 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit'],
      ['after: [c]', '4:13: nodes.a.after.0: there is no node c. Did you mean a, b?'],
      ['after: [a]', '4:13: nodes.a.after.0: a names itself: a → a'],
      ['after: [b, b]', '4:16: nodes.a.after.1: b is named twice'],
      ['after: [{name: b, until: up}]', '4:23: nodes.a.after.0.until: say ready or started'],
      ['after: [{name: b, need: weak}]', '4:23: nodes.a.after.0.need: say hard or soft'],
      ['after: [{until: ready}]', '4:13: nodes.a.after.0.name: it has to be given'],
      ['after: [{name: b, nead: hard}]', '4:23: nodes.a.after.0.nead: there is no such key. Did you mean need?'],
    ],
  },
  ready: {
    right: [
      ['ready: state', { ready: { mode: 'all', tests: [{ state: true }], everyMs: 2_000, good: 1, freshMs: 30_000 } }],
      [
        'ready: { any: [tcp!h!564, { dns: www }], every: 500ms, good: 3, fresh: 1m }',
        { ready: { mode: 'any', tests: [{ tcp: 'h:564' }, { dns: 'www' }], everyMs: 500, good: 3, freshMs: 60_000 } },
      ],
    ],
    wrong: [
      [
        'ready: tcp!h!0',
        '4:5: nodes.a.ready: say state, tcp!HOST!PORT, HOST:PORT, a URL, or a map with one of state, tcp, http, dns, nbd, agent, console, presence, command, all, any',
      ],
      ['ready: { tcp: "h:70000" }', '4:14: nodes.a.ready.tcp: a port is at most 65535'],
      ['ready: { tpc: "h:7" }', '4:14: nodes.a.ready.tpc: there is no such key. Did you mean tcp?'],
      [
        'ready: { any: [{ http: { url: ftp://x } }] }',
        '4:30: nodes.a.ready.any.0.http.url: write a URL that begins with http:// or https://',
      ],
      [
        'ready: { dns: x, good: 99, every: 5s }',
        '4:5: nodes.a.ready: 99 good answers, one every 5 s, take 8 min 10 s, and its timeout is 2 min',
      ],
      [
        'kind: group\nmembers: [b]\nready: state',
        '6:5: nodes.a.ready: a group has no ready; it is for guest, host, network, router, export, check',
      ],
    ],
  },
  timeout: {
    right: [['timeout: 90s', { timeoutMs: 90_000 }]],
    wrong: [
      ['timeout: 90', '4:5: nodes.a.timeout: write a time with its unit, such as 500ms, 30s, 5m or 1h'],
      ['timeout: 0s', '4:5: nodes.a.timeout: write more than no time at all'],
      ['timeout: 9999h', '4:5: nodes.a.timeout: at most a year'],
    ],
  },
  retries: {
    right: [
      ['retries: 3', { retries: { count: 3, delayMs: 5_000, factor: 2, mostMs: 300_000 } }],
      [
        'retries: { count: 2, delay: 1s, factor: 3, most: 9s }',
        { retries: { count: 2, delayMs: 1_000, factor: 3, mostMs: 9_000 } },
      ],
    ],
    wrong: [
      [
        'retries: often',
        '4:5: nodes.a.retries: give a count from 0 to 100, or a map with count, and delay, factor or most',
      ],
      ['retries: 101', '4:5: nodes.a.retries: at most 100'],
      ['retries: { delay: 1s }', '4:5: nodes.a.retries.count: it has to be given'],
      ['retries: { count: 1, factor: 0.5 }', '4:26: nodes.a.retries.factor: at least 1'],
      ['retries: { count: 1, delays: 1s }', '4:26: nodes.a.retries.delays: there is no such key. Did you mean delay?'],
    ],
  },
  delay: {
    right: [['delay: 1.5s', { delayMs: 1_500 }]],
    wrong: [['delay: soon', '4:5: nodes.a.delay: write a time with its unit, such as 500ms, 30s, 5m or 1h']],
  },
  'on-failure': {
    right: [['on-failure: rollback', { onFailure: 'rollback' }]],
    wrong: [['on-failure: panic', '4:5: nodes.a.on-failure: say halt or continue or rollback']],
  },
  stop: {
    right: [
      ['stop: { how: force, timeout: 5s, then: fail }', { stop: { how: 'force', timeoutMs: 5_000, andThen: 'fail' } }],
    ],
    wrong: [
      ['stop: force', '4:5: nodes.a.stop: write a map, KEY: VALUE'],
      ['stop: { how: kill }', '4:13: nodes.a.stop.how: say shutdown or force'],
      ['stop:\n  timeout: 0m', '5:7: nodes.a.stop.timeout: write more than no time at all'],
      ['stop: { then: pray }', '4:13: nodes.a.stop.then: say force or fail'],
    ],
  },
  params: {
    right: [['params: { fs: tcp!10.99.0.17!564, nvram: "5" }', { params: { fs: 'tcp!10.99.0.17!564', nvram: '5' } }]],
    wrong: [
      ['params: [x]', '4:5: nodes.a.params: write a map, NAME: VALUE'],
      ['params: { fs: 5 }', '4:15: nodes.a.params.fs: write text, in quotes where it looks like a number'],
      ...['"a\\0"', '\'a "b"\'', '" a"', "''"].map((value): [string, string] => [
        `params: { fs: ${value} }`,
        '4:15: nodes.a.params.fs: a value is one line of 1 to 1024 characters, with no blank at its ends and no double quote',
      ]),
      [
        'params: { "a b": x }',
        '4:15: nodes.a.params.a b: a parameter has a name of 1 to 40 of A-Z a-z 0-9 . _ -, and begins with a letter',
      ],
      ['params: { __proto__: x }', '4:15: nodes.a.params.__proto__: this name is not allowed'],
      ['kind: network\nparams: { a: b }', '5:5: nodes.a.params: a network has no params; it is for guest'],
    ],
  },
  export: {
    right: [
      [
        'kind: export\nhost: host1\nexport: { volume: root.qcow2, port: 10810, address: 10.0.0.1 }',
        { export: { volume: 'root.qcow2', writable: false, port: 10_810, address: '10.0.0.1' } },
      ],
      [
        'kind: export\nhost: host1\nexport: { volume: root.raw }',
        { stop: { how: 'shutdown', timeoutMs: 60_000, andThen: 'fail' } },
      ],
    ],
    wrong: [
      ['export: { volume: root.raw }', '4:5: nodes.a.export: a guest has no export; it is for export'],
      ['kind: export\nexport: { volume: root.raw }', '3:3: nodes.a: an export needs host, where its volume is'],
      [
        'kind: export\nhost: host1',
        '3:3: nodes.a: an export needs export: { volume: … }, since a is no name of a volume, as root.qcow2',
      ],
      [
        'kind: export\nhost: host1\nexport: { volume: ../root.raw }',
        '6:15: nodes.a.export.volume: use 1 to 63 of A-Z a-z 0-9 . _ -, begin with a letter or digit, and end with .raw, .img or .qcow2',
      ],
    ],
  },
  hold: {
    right: [['hold: true', { hold: true }]],
    wrong: [['hold: yes', '4:5: nodes.a.hold: write true or false']],
  },
  keep: {
    right: [
      ['keep: true', { keep: { most: 5, withinMs: 600_000, bounce: 'none' } }],
      ['keep: false', { keep: undefined }],
      [
        'keep: {most: 2, within: 1m, bounce: dependents}',
        { keep: { most: 2, withinMs: 60_000, bounce: 'dependents' } },
      ],
    ],
    wrong: [
      ['keep: yes', '4:5: nodes.a.keep: say true or false, or give a map with most, within or bounce'],
      [
        'kind: group\nmembers: [b]\nkeep: true',
        '6:5: nodes.a.keep: a group has no keep; it is for guest, host, network, router, export',
      ],
      ['keep: {most: 0}', '4:12: nodes.a.keep.most: at least 1'],
    ],
  },
  power: {
    right: [['kind: host\npower: true', { power: true }]],
    wrong: [['power: true', '4:5: nodes.a.power: a guest has no power; it is for host']],
  },
  members: {
    right: [['kind: group\nmembers: [b]', { members: ['b'] }]],
    wrong: [
      ['members: [b]', '4:5: nodes.a.members: a guest has no members; it is for group'],
      ['kind: group\nmembers: [b, 5]', '5:18: nodes.a.members.1: write text, in quotes where it looks like a number'],
      ['kind: group\nmembers: [bb]', '5:15: nodes.a.members.0: there is no node bb. Did you mean b?'],
      ['kind: group\nmembers: [b, b]', '5:18: nodes.a.members.1: b is named twice'],
    ],
  },
  'at-once': {
    right: [['kind: group\nmembers: [b]\nat-once: 2', { atOnce: 2 }]],
    wrong: [
      ['at-once: 2', '4:5: nodes.a.at-once: a guest has no at-once; it is for group'],
      ['kind: group\nmembers: [b]\nat-once: 0', '6:5: nodes.a.at-once: at least 1'],
    ],
  },
};

describe('a chain file', () => {
  for (const [key, { right, wrong }] of Object.entries(KEYS)) {
    describe(key, () => {
      for (const [text, read] of right)
        it(`is read from ${JSON.stringify(text)}`, () => {
          assert.deepEqual({ ...nodeWith(text), ...read }, nodeWith(text));
        });
      for (const [text, problem] of wrong)
        it(`is refused in ${JSON.stringify(text.slice(0, 60))}`, () => {
          assert.deepEqual(problemsIn(withKeys(text)), [problem]);
        });
    });
  }

  it('has a test for every key of a node', () => {
    assert.deepEqual(Object.keys(KEYS).toSorted(), keysAt(['nodes', 'a']).toSorted());
  });

  it('has a name, a title, whether it starts by itself, and nodes', () => {
    const read = readChain('chain: site\ntitle: All of it\nautostart: true\nnodes: {a: {}}');
    assert.deepEqual(
      [read.chain, read.title, read.autostart, Object.keys(read.nodes)],
      ['site', 'All of it', true, ['a']],
    );
    assert.equal(readChain('chain: site\nnodes: {a: {}}').autostart, false);
    assert.deepEqual(problemsIn('chain: .\ntitle: 5\nautostart: on\nnodes: {}\nnode: 1'), [
      '1:1: chain: use 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit',
      '2:1: title: write text, in quotes where it looks like a number',
      '3:1: autostart: write true or false',
      '4:1: nodes: a chain has at least one node',
      '5:1: node: there is no such key. Did you mean nodes?',
    ]);
    assert.deepEqual(problemsIn('# a comment\n\ntitle: x'), [
      '3:1: chain: it has to be given',
      '3:1: nodes: it has to be given',
    ]);
  });

  it('tells wrong values, unknown names and cycles at once', () => {
    const text = [
      'chain: site',
      'nodes:',
      '  a: { after: [b, 5, nowhere] }',
      '  b: { after: [a], timeout: 5 }',
      '  "c d": { kind: cluster }',
      '  e: { kind: check, ready: [] }',
      '  g: {}',
      '  g: {}',
      '  f: { kind: 7, members: [a] }',
    ];
    assert.deepEqual(problemsIn(text.join('\n')), [
      '3:16: nodes.a.after.0: these wait for each other: a → b → a',
      '3:19: nodes.a.after.1: name a node, or give a map with name, and until or need',
      '3:22: nodes.a.after.2: there is no node nowhere.',
      '4:20: nodes.b.timeout: write a time with its unit, such as 500ms, 30s, 5m or 1h',
      '5:3: nodes.c d: use 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit',
      '5:12: nodes.c d.kind: say guest or host or network or router or export or check or group',
      '6:21: nodes.e.ready: say state, tcp!HOST!PORT, HOST:PORT, a URL, or a map with one of state, tcp, http, dns, nbd, agent, console, presence, command, all, any',
      '8:3: this key is there twice',
      '9:8: nodes.f.kind: say guest or host or network or router or export or check or group',
    ]);
  });

  it('tells where YAML is broken, and nothing that would follow from it', () => {
    assert.deepEqual(problemsIn('chain: [\nnodes: {a: {after: [x], hold: 5}}'), [
      '2:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
    assert.deepEqual(problemsIn('chain: site\nnodes:\n  a: !guest {}'), ['3:6: Unresolved tag: !guest']);
    assert.deepEqual(problemsIn('a: 1\n---\nb: 2').length, 1);
    assert.match(problemsIn('')[0] ?? '', /^1:1: write a map/);
    assert.match(problemsIn('- a')[0] ?? '', /^1:1: write a map/);
  });

  it('does not let an alias make a small file large', () => {
    const bomb = [
      'a: &a [x, x]',
      ...[...'bcdefghi'].map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at]}, `.repeat(9)}]`),
    ];
    assert.match(problemsIn(bomb.join('\n')).join('\n'), /^1:1: Excessive alias count/);
    assert.deepEqual(readChain('chain: s\nnodes: {a: &a {hold: true}, b: *a}').nodes.b?.hold, true);
  });

  it('tells the first hundred errors of many, in the order of the file', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => `  n${at}: { after: [m${at}], hold: 1 }`);
    const problems = problemsIn(`chain: site\nnodes:\n${many.join('\n')}`);
    assert.equal(problems.length, 101);
    assert.equal(problems[100], '1:1: and 9900 errors more');
    assert.match(problems[0] ?? '', /^3:17: nodes.n0.after.0: there is no node m0/);
  });

  it('refuses what is too large', () => {
    assert.match(problemsIn(`#${'x'.repeat(17 * 1024 * 1024)}`)[0] ?? '', /^1:1: a chain has at most \d+ characters$/);
  });

  it('takes any name that the language of this program knows for its own', () => {
    const { nodes } = readChain('chain: constructor\nnodes: {toString: {}, valueOf: {after: [toString]}}');
    assert.deepEqual(Object.keys(nodes), ['toString', 'valueOf']);
    assert.deepEqual(problemsIn('chain: s\nnodes: {a: {after: [constructor]}, __proto__: {}}'), [
      '2:21: nodes.a.after.0: there is no node constructor.',
      '2:36: nodes.__proto__: this name is not allowed',
    ]);
  });

  it('is the same when it is printed as YAML and read again', () => {
    fc.assert(
      fc.property(someChain(), (input) => {
        assert.deepEqual(readChain(stringify(input)), Chain.parse(input));
      }),
    );
  });

  it('shows keys that cannot be seen', () => {
    assert.deepEqual(
      problemsIn('chain: x\nnodes: {}\n\v: 1').at(-1),
      '3:1: "\\u000b": there is no such key. There are chain, title, autostart, nodes.',
    );
  });

  it('is a chain, or a failure with a place in each line, whatever the text is', () => {
    const broken = fc
      .tuple(someChain(5), fc.nat(), fc.string({ unit: 'binary', maxLength: 8 }), fc.nat(9))
      .map(([input, at, noise, length]) => {
        const text = stringify(input);
        const place = at % (text.length + 1);
        return text.slice(0, place) + noise + text.slice(place + length);
      });
    const words = fc
      .array(
        fc.constantFrom(
          'chain',
          'nodes',
          'a',
          'b',
          'after',
          ':',
          ' ',
          '\n',
          '  ',
          '-',
          '[',
          ']',
          '{',
          '}',
          ',',
          '&a',
          '*a',
          '"',
          '!',
          '|',
          '5',
          '<<',
        ),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(broken, words, fc.string({ unit: 'binary' })), (text) => {
        for (const line of problemsIn(text)) assert.match(line, /^[1-9]\d*:[1-9]\d*: \S/);
      }),
      { numRuns: 1_000 },
    );
  });
});
