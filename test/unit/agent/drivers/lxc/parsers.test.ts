import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { groupOf, parseVersions } from '#agent/drivers/lxc/cgroups.ts';
import { pairsOf } from '#agent/drivers/lxc/links.ts';
import { errorsIn, parseChange, parseList, parseNow, parseUse } from '#agent/drivers/lxc/output.ts';
import { escaped } from '#agent/drivers/lxc/typing.ts';
import { stateEvents } from '#agent/drivers/lxc/watch.ts';
import { parseVeths } from '#agent/drivers/veths.ts';
import { Failure } from '#shared/errors.ts';
import { recordingsIn } from '../recordings.ts';

const { recorded, parsesRecordings } = recordingsIn('lxc');
const isOutputFailure = (error: unknown) => error instanceof Failure && error.code === 'host-output';

describe('agent/drivers/lxc: what LXC prints', () => {
  parsesRecordings('ls-', (text) => [...parseList(text)]);
  parsesRecordings('info-', parseNow);
  parsesRecordings('use-', parseUse);
  parsesRecordings('log-', errorsIn);
  parsesRecordings('cgroups-', parseVersions);
  parsesRecordings('monitor-', (text) => {
    const eventOf = stateEvents();
    return text.split('\n').flatMap((line) => {
      const change = parseChange(line);
      const event = change && eventOf(change.name, change.state);
      return event ? { name: change.name, ...event } : [];
    });
  });
  parsesRecordings('veth-inside', (inside) => pairsOf(parseVeths(inside), parseVeths(recorded('veth-outside.txt'))));

  it('reads a list with nothing in it, and refuses what is none', () => {
    assert.equal(parseList('').size, 0);
    assert.throws(() => parseList('NAME STATE\nx RUNNING\n'), isOutputFailure);
    assert.throws(() => parseList('STATE PID NAME\nLEVITATING 1 x\n'), isOutputFailure);
    assert.throws(() => parseNow(''), isOutputFailure);
  });

  it('reads any name out of a row, less the blanks at its end', () => {
    const name = fc
      .string({ minLength: 1 })
      .filter((text) => !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text) && text.trim() === text);
    fc.assert(
      fc.property(name, fc.nat(), (text, pid) => {
        assert.deepEqual(
          [...parseList(`STATE   PID NAME  \nRUNNING ${pid} ${text}  \n`)],
          [[text, { state: 'RUNNING', pid }]],
        );
        assert.deepEqual(parseChange(`'${text}' changed state to [FROZEN]`), { name: text, state: 'FROZEN' });
      }),
    );
  });

  it("knows a zone's own group, also where its init has moved into one below, or a number was added", () => {
    const text = recorded('cgroup-v1.txt');
    assert.equal(groupOf(text, 'memory', 1, 'z1'), '/lxc.payload.z1');
    assert.equal(groupOf(text, 'memory', 2, 'z1'), '/lxc.payload.z1');
    assert.equal(groupOf(text, 'net_cls', 1, 'z1'), undefined);
    const systemd = '4:cpu,cpuacct:/a/lxc.payload.z1-2/init.scope\n0::/lxc.payload.z1/init.scope\n';
    assert.equal(groupOf(systemd, 'cpuacct', 1, 'z1'), '/a/lxc.payload.z1-2');
    assert.equal(groupOf(systemd, 'memory', 2, 'z1'), '/lxc.payload.z1');
    assert.equal(groupOf('0::/elsewhere/x\n', 'memory', 2, 'z1'), '/elsewhere/x');
  });

  it('takes a controller without a line, or with hierarchy 0, for one of version 2', () => {
    assert.deepEqual(parseVersions(''), { memory: 2, cpu: 2, cpuset: 2 });
    assert.deepEqual(parseVersions('cpu\t0\t1\t1\nmemory\t7\t1\t1\ncpuset\t3\t1\t1\n'), {
      memory: 1,
      cpu: 2,
      cpuset: 1,
    });
  });

  it('is typed to byte by byte, with the one twice that begins commands', () => {
    assert.deepEqual([...escaped(Buffer.from([0xc3, 0x11, 0xff, 0x0d]))], [0xc3, 0x11, 0x11, 0xff, 0x0d]);
  });

  it('tells of each change of state once', () => {
    const eventOf = stateEvents();
    const told = (...states: Parameters<typeof eventOf>[1][]) =>
      states.flatMap((state) => eventOf('z', state)?.what ?? []);
    assert.deepEqual(told('STARTING', 'RUNNING', 'FREEZING', 'FROZEN', 'FROZEN'), ['started', 'suspended']);
    assert.deepEqual(told('THAWED', 'THAWED', 'RUNNING', 'STOPPING', 'STOPPED'), ['resumed', 'stopped']);
    assert.deepEqual(told('STARTING', 'RUNNING'), ['started']);
  });
});
