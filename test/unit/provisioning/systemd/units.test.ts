import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';

const directivesIn = (name: string): Map<string, string> =>
  new Map(
    readFileSync(new URL(`../../../../provisioning/systemd/${name}`, import.meta.url), 'utf8')
      .matchAll(/^(\w+)=(.*)$/gm)
      .map(([, key = '', value = '']) => [key, value]),
  );

/** What a process hands on to all that it starts. */
const CONFINES =
  /^(?:CapabilityBoundingSet|NoNewPrivileges|SystemCallFilter|SystemCallArchitectures|Restrict.*|LockPersonality|RemoveIPC|Protect.*|Private.*|TasksMax|OOMScoreAdjust|UMask)$/;

describe('the unit of an agent that starts zones', () => {
  it('lifts whatever the unit of an agent confines, since zones would be confined too', () => {
    const more = directivesIn('skerry-agent-lxc.conf');
    const confining = [...directivesIn('skerry-agent.service')].filter(
      ([key, value]) => CONFINES.test(key) && value !== 'default',
    );
    assert.ok(confining.length > 15);
    for (const [key, value] of confining) {
      assert.ok(more.has(key), key);
      // An empty list of capabilities takes them all away, an empty list of system calls takes none away.
      if (key !== 'SystemCallFilter') assert.notEqual(more.get(key), value, key);
    }
  });
});
