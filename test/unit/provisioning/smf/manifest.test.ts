import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DOMParser, type Element } from '@xmldom/xmldom';

const ROOT = new URL('../../../../', import.meta.url);
const text = readFileSync(new URL('provisioning/smf/skerry-agent.xml', ROOT), 'utf8');

/**
 * What may be in an element, in this order, as service_bundle.dtd.1 has it; `*` any number, `?` at most one, else one.
 * Those that are not named here have no elements in them.
 */
const CHILDREN: Record<string, string> = {
  service_bundle: 'service*',
  service:
    'create_default_instance? single_instance? restarter? dependency* dependent* method_context? exec_method* notification_parameters* property_group* instance* stability? template?',
  dependency: 'service_fmri* stability? propval* property*',
  method_context: 'method_profile? method_credential? method_environment?',
  method_environment: 'envvar*',
  property_group: 'stability? propval* property*',
  template: 'common_name description? documentation?',
  common_name: 'loctext*',
};
const ATTRIBUTES: Record<string, readonly string[]> = {
  service_bundle: ['type', 'name'],
  service: ['name', 'type', 'version'],
  create_default_instance: ['enabled'],
  dependency: ['name', 'grouping', 'restart_on', 'type'],
  service_fmri: ['value'],
  method_context: ['working_directory'],
  method_credential: ['user', 'group'],
  envvar: ['name', 'value'],
  exec_method: ['type', 'name', 'exec', 'timeout_seconds'],
  property_group: ['name', 'type'],
  propval: ['name', 'type', 'value'],
  stability: ['value'],
  loctext: ['xml:lang'],
};

const elementsIn = (element: Element): Element[] =>
  Array.from(element.childNodes).filter((node): node is Element => node.nodeType === 1);

/** What is wrong with an element and all in it. */
function problemsOf(element: Element): string[] {
  const wanted = (CHILDREN[element.tagName] ?? '').split(' ');
  const pattern = wanted
    .filter((word) => word !== '')
    .map((word) => `(?:${word.replace(/[*?]$/, '')} )${/[*?]$/.exec(word)?.[0] ?? ''}`)
    .join('');
  const children = elementsIn(element);
  const there = children.map(({ tagName }) => `${tagName} `).join('');
  const attributes = Array.from(element.attributes).map(({ name }) => name);
  const due = ATTRIBUTES[element.tagName] ?? [];
  return [
    ...(new RegExp(`^${pattern}$`).test(there) ? [] : [`${element.tagName} has ${there}`]),
    ...(attributes.toSorted().join() === due.toSorted().join()
      ? []
      : [`${element.tagName} has the attributes ${attributes}`]),
    ...children.flatMap(problemsOf),
  ];
}

const documentOf = (xml: string): Element => {
  const root = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(xml, 'text/xml').documentElement;
  assert.ok(root);
  return root;
};
const all = (name: string): Element[] => Array.from(documentOf(text).getElementsByTagName(name));

describe('the SMF manifest of the agent', () => {
  it('is in the order that the DTD of SMF wants', () => {
    assert.deepEqual(problemsOf(documentOf(text)), []);
    assert.match(text, /<!DOCTYPE service_bundle SYSTEM "\/usr\/share\/lib\/xml\/dtd\/service_bundle\.dtd\.1">/);
    const swapped = text.replace(/( *<single_instance\/>\n)([\s\S]*?)( *<stability value="Unstable"\/>\n)/, '$3$2$1');
    assert.notDeepEqual(problemsOf(documentOf(swapped)), [], 'another order is seen');
  });

  it('starts the agent by words, and by files that are there', () => {
    const [start, stop] = all('exec_method').map((each) => each.getAttribute('exec') ?? '');
    assert.doesNotMatch(start ?? '', /[;&|<>$`"'*?\\(){}]/, 'nothing for a shell');
    const [, main, option, config] = (start ?? '').split(' ');
    assert.equal(option, '--config');
    assert.equal(config, '/etc/skerry/agent.yaml');
    assert.ok(existsSync(fileURLToPath(new URL(main?.replace('/opt/skerry/', '') ?? 'none', ROOT))));
    assert.equal(stop, ':kill');
  });

  it('is not enabled before it is configured, and is started again when it ends', () => {
    assert.equal(all('create_default_instance')[0]?.getAttribute('enabled'), 'false');
    const values = all('propval').map((each) => [each.getAttribute('name'), each.getAttribute('value')]);
    assert.deepEqual(values, [
      ['duration', 'child'],
      ['ignore_error', 'core,signal'],
    ]);
  });
});
