import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { linesOf } from '#agent/networks/linux/lines.ts';
import { dnsmasqFiles, SEEN_AT } from '#agent/networks/linux/router/dnsmasq.ts';
import { haproxyFiles } from '#agent/networks/linux/router/haproxy.ts';
import { planRouter, type RouterPlan } from '#agent/networks/linux/router/plan.ts';
import { elementsOf, wholeRuleset } from '#agent/networks/linux/router/ruleset.ts';
import { Failure } from '#shared/errors.ts';
import type { HostNetwork, HostRouter } from '#shared/model/network.ts';
import { asked } from './routers.ts';

/** How many routers each real program reads. */
const RUNS = Number(process.env.SKERRY_BUILDER_RUNS ?? 25);
const isRoot = process.getuid?.() === 0;

describe('agent/networks: what a router is built from', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'skerry-builders-'));
    for (const name of ['empty', 'maps']) mkdirSync(join(folder, name));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const check = (file: string, args: string[], input = ''): void => {
    try {
      execFileSync(file, args, { input, stdio: 'pipe', encoding: 'utf8' });
    } catch (error) {
      assert.fail(`${(error as { stderr?: string }).stderr}\n${input}`);
    }
  };
  const forAll = (runs: number, test: (plan: RouterPlan) => void): void =>
    fc.assert(
      fc.property(asked, ({ router, networks }) => test(planRouter(router, networks, 'host1'))),
      { numRuns: runs },
    );

  it('dnsmasq reads, with all reservations', () => {
    forAll(RUNS, (plan) => {
      const { configuration, reservations } = dnsmasqFiles(plan);
      const hosts = [...reservations.values()]
        .join('')
        .replaceAll(/^/gm, 'dhcp-host=')
        .replace(/dhcp-host=$/, '');
      const file = join(folder, 'dnsmasq.conf');
      writeFileSync(file, `${configuration.text}${hosts}`);
      check('dnsmasq', ['--test', `--conf-file=${file}`]);
    });
  });

  it('haproxy reads, with its maps', () => {
    forAll(RUNS, (plan) => {
      const files = haproxyFiles(plan);
      if (!files) return;
      for (const [name, text] of files.maps) writeFileSync(join(folder, 'maps', name), text);
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, files.configuration.replaceAll(`${SEEN_AT}/`, `${folder}/`));
      check('haproxy', ['-c', '-f', file]);
    });
  });

  it('nft reads, the whole and a change of elements', function () {
    // Only root may ask nft to check, in a network namespace of its own.
    if (!isRoot) return this.skip();
    forAll(RUNS, (plan) => {
      check('unshare', ['--net', 'nft', '--check', '--file', '-'], wholeRuleset(plan));
      check('unshare', ['--net', 'nft', '--check', '--file', '-'], `${wholeRuleset(plan)}${elementsOf(plan)}`);
    });
  });

  it('no word of it can be what it is not', () => {
    const odd = fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\0',
        ',',
        ';',
        '#',
        '"',
        "'",
        '{',
        '}',
        '$',
        '\\',
        ' ',
        '\u2028',
        '\u00e9',
        '=',
        '*',
      ),
      fc.constantFrom(
        '\nserver=192.0.2.1',
        '\n}\ntable inet x {',
        '\n  server x 1.1.1.1:80',
        '-x',
        '/../x',
        '%[env(x)]',
      ),
    );
    const hostile = fc.tuple(asked, fc.nat(), odd, fc.boolean());
    fc.assert(
      fc.property(hostile, ([{ router, networks }, at, word, isAfter]) => {
        const whole = { router: structuredClone(router), networks: structuredClone(networks) };
        const places = stringsIn(whole.router).filter(({ key }) => key !== 'protocol');
        const { holder, key } = places[at % places.length]!;
        // What may stand within a name may not begin it.
        holder[key] = isAfter && word !== '-x' ? `${holder[key]}${word}` : `${word}${holder[key]}`;
        // A path may hold `=`, and is one with `..` too: it is for the guest's server alone, and names no file of the router.
        fc.pre(!(key === 'check' && ((isAfter && word === '=') || word === '/../x')));
        assert.throws(
          () => planRouter(whole.router, whole.networks, 'host1'),
          (error) => error instanceof Failure && error.code === 'network-host',
          JSON.stringify(holder[key]),
        );
      }),
      { numRuns: 500 },
    );
    for (const line of ['a\nb', 'a\r', '\u00e9', 'a\0']) assert.throws(() => linesOf([line]), /cannot be a line/);
  });

  it('says what two parts of a router say against each other', () => {
    const networks: HostNetwork[] = [{ name: 'outside-leg', kind: 'outside', link: 'br0', mtu: 1500 }];
    const nothing = {
      legs: [],
      nat: [],
      routed: [],
      domains: {},
      dns: [],
      hosts: [],
      pools: [],
      forwards: [],
      ingress: [],
    };
    const refused = (change: Partial<HostRouter>, pattern: RegExp): void =>
      assert.throws(() => planRouter({ name: 'edge', ...nothing, ...change }, networks, 'host1'), pattern);
    const forward = { protocol: 'tcp' as const, port: 80, address: '10.0.0.7', toPort: 80 };
    const ingress = { name: 'a.example', port: 80, servers: [] };
    refused({ forwards: [forward, { ...forward, address: '10.0.0.8' }] }, /the forward tcp 80 IPv4 twice/);
    refused({ forwards: [forward], ingress: [ingress] }, /a forward and an ingress at port 80/);
    refused({ forwards: [], ingress: [ingress, ingress] }, /the ingress a.example 80 twice/);
    refused({ legs: [{ network: 'nowhere', mac: '52:54:00:00:00:07', addresses: [] }] }, /a leg on nowhere/);
  });
});

interface Place {
  holder: Record<string, unknown>;
  key: string;
}

/** Every place in a value where a string is; a key of a record is none. */
function stringsIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    typeof each === 'string' ? [{ holder: value as Record<string, unknown>, key }] : stringsIn(each),
  );
}
