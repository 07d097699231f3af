import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parametersIn, withParameters } from '#agent/drivers/libvirt/boot-parameters.ts';
import { documentOf, el, elementAt, parseXml, rootOf, xmlText } from '#agent/drivers/libvirt/xml.ts';
import { type BootParameter, ParameterName, ParameterValue } from '#shared/model/boot-parameter.ts';

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,9}$/);
const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => {
  return ParameterValue.safeParse(text).success && text.isWellFormed() && !/[\uFFFE\uFFFF]/u.test(text);
});
const parameters: fc.Arbitrary<BootParameter[]> = fc.uniqueArray(
  fc.record({ name, value }, { noNullPrototype: true }),
  {
    selector: (each) => each.name,
    maxLength: 4,
  },
);

interface Own {
  line: string;
  file?: string;
  isNoted: boolean;
}
const own: fc.Arbitrary<Own> = fc.record({
  line: fc.constantFrom('', 'console=ttyS0 quiet', 'root=/dev/vda a="b c"'),
  file: fc.constantFrom('opt/com.example/x'),
  isNoted: fc.boolean(),
});

const definition = ({ line, file, isNoted }: Own, hasKernel = true, id?: string): string =>
  xmlText(
    documentOf(
      el(
        'domain',
        { type: 'qemu', id },
        el('name', {}, 'venti'),
        ...(isNoted ? [el('metadata', {}, el('note', { xmlns: 'urn:example' }, 'of somebody'))] : []),
        ...(file ? [el('sysinfo', { type: 'fwcfg' }, el('entry', { name: file }, 'theirs'))] : []),
        el('sysinfo', { type: 'smbios' }),
        el(
          'os',
          {},
          ...(hasKernel ? [el('kernel', {}, '/vmlinux')] : []),
          ...(line === '' ? [] : [el('cmdline', {}, line)]),
        ),
      ),
    ),
  );

const changed = (text: string, params: readonly BootParameter[], hasFwCfg = true): string => {
  const made = withParameters(text, params, { fwCfg: hasFwCfg });
  if (made === undefined) return text;
  assert.ok('text' in made, JSON.stringify(made));
  return made.text;
};
const lineOf = (text: string): string =>
  elementAt(rootOf(parseXml(text, 'domain')), 'os', 'cmdline')?.textContent ?? '';

describe('agent/drivers/libvirt: boot parameters in a definition', () => {
  it('go in, give place to others, and leave nothing behind', () => {
    fc.assert(
      fc.property(own, fc.array(parameters, { maxLength: 4 }), fc.boolean(), (mine, starts, hasFwCfg) => {
        const first = definition(mine);
        let text = first;
        for (const params of starts) {
          text = changed(text, params, hasFwCfg);
          assert.equal(text, changed(first, params, hasFwCfg), 'what was before does not matter');
          assert.deepEqual(parametersIn(text.replace('<domain ', '<domain id="1" ')), params);
          assert.ok(lineOf(text).startsWith(mine.line));
        }
        assert.equal(changed(text, [], hasFwCfg), first);
      }),
    );
  });

  it('stay as they are with what is the end of a line in XML 1.1 only', () => {
    const params = [{ name: 'a', value: 'b\u2028c\u2029d' }];
    const text = changed(definition({ line: '', isNoted: false }), params);
    assert.deepEqual(parametersIn(text.replace('<domain ', '<domain id="1" ')), params);
    assert.equal(rootOf(parseXml('<a>b\u0085c\r\nd\re</a>', 'a')).textContent, 'b\u0085c\nd\ne');
  });

  it('are words and files, and only files where the guest boots by itself', () => {
    const params = [{ name: 'a.b', value: 'x y' }];
    const both = changed(definition({ line: 'quiet', isNoted: false }), params);
    assert.equal(lineOf(both), 'quiet a.b="x y"');
    assert.match(both, /<sysinfo type="fwcfg"><entry name="opt\/org\.skerry\/a\.b">x y<\/entry><\/sysinfo>/);
    const file = changed(definition({ line: '', isNoted: false }, false), params);
    assert.equal(lineOf(file), '');
    assert.match(file, /opt\/org\.skerry\/a\.b/);
    assert.doesNotMatch(changed(definition({ line: '', isNoted: false }), params, false), /fwcfg/);
  });

  it('are refused where there is no way, or no room', () => {
    const params = [{ name: 'a', value: 'b' }];
    const own = { line: '', isNoted: false };
    const none = withParameters(definition(own, false), params, { fwCfg: false });
    assert.match(JSON.stringify(none), /the host boots no kernel for it/);
    const long = { name: 'b', value: 'x'.repeat(1_024) };
    const two = withParameters(definition(own), [long, { ...long, name: 'c' }], { fwCfg: true });
    assert.match(JSON.stringify(two), /its command line would have 2053 characters/);
  });

  it('that would be other options of QEMU as files are words alone, or refused', () => {
    const params = [
      { name: 'a', value: 'x,file=/etc/shadow' },
      { name: 'b', value: 'plain' },
    ];
    const own = { line: '', isNoted: false };
    const text = changed(definition(own), params);
    assert.equal(lineOf(text), 'a=x,file=/etc/shadow b=plain');
    assert.deepEqual(text.match(/<entry [^>]*>/g), ['<entry name="opt/org.skerry/b">']);
    const none = withParameters(definition(own, false), params, { fwCfg: true });
    assert.match(JSON.stringify(none), /the value of a has one of/);
  });

  it('leave a command line alone that somebody has written anew', () => {
    const text = changed(definition({ line: 'quiet', isNoted: false }), [{ name: 'a', value: 'b' }]);
    const theirs = text.replace('quiet a=b', 'quiet a=b debug');
    assert.equal(lineOf(changed(theirs, [])), 'quiet a=b debug');
    assert.equal(lineOf(changed(theirs, [{ name: 'c', value: 'd' }])), 'quiet a=b debug c=d');
  });

  it('have names that fit into those of fw_cfg', () => {
    assert.equal(ParameterName.safeParse(`a${'b'.repeat(39)}`).success, true);
    assert.equal(ParameterName.safeParse(`a${'b'.repeat(40)}`).success, false);
  });
});
