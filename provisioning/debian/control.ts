import { gzipSync } from 'node:zlib';
import type { Module } from './modules.ts';
import type { DebianPackage, Service } from './packages.ts';

const MAINTAINER = 'Skerry <skerry@packages.invalid>';

/** What one build is of. */
export interface Release {
  version: string;
  /** Of Debian: amd64, arm64. */
  architecture: string;
  /** SOURCE_DATE_EPOCH: every file is from then. */
  epochS: number;
}

export const packageFile = ({ name, architecture }: DebianPackage, release: Release): string =>
  `${name}_${release.version}_${architecture === 'any' ? release.architecture : 'all'}.deb`;

/** deb-control(5) */
export function controlText(each: DebianPackage, release: Release, installedKiB: number): string {
  const exact = (relation: string): string => relation.replace(/ =$/, ` (= ${release.version})`);
  const relations = (field: string, all: readonly string[]): string[] =>
    all.length === 0 ? [] : [`${field}: ${all.map(exact).join(', ')}`];
  return [
    `Package: ${each.name}`,
    'Source: skerry',
    `Version: ${release.version}`,
    `Architecture: ${each.architecture === 'any' ? release.architecture : 'all'}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${installedKiB}`,
    ...relations('Depends', each.depends),
    ...relations('Recommends', each.recommends),
    ...relations('Suggests', each.suggests),
    'Section: admin',
    'Priority: optional',
    `Description: ${each.summary}`,
    ...wrapped(each.description).map((line) => ` ${line}`),
    '',
  ].join('\n');
}

/** In Debian's form. What changed is in CHANGELOG.md; this says which version this is, and when it was made. */
export function changelog({ version, epochS }: Release): Buffer {
  const date = new Date(epochS * 1_000).toUTCString().replace('GMT', '+0000');
  const text = `skerry (${version}) stable; urgency=medium\n\n  * What changed is in CHANGELOG.md.\n\n -- ${MAINTAINER}  ${date}\n`;
  return gzipSync(text, { level: 9 });
}

/** In Debian's form, version 1.0, with the libraries where a package brings them. */
export function copyright(modules: readonly Module[], { epochS }: Release): string {
  const year = new Date(epochS * 1_000).getUTCFullYear();
  const stanzas = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Skerry',
    `Files: *\nCopyright: ${year} the authors of Skerry\nLicense: Apache-2.0`,
    ...modules.map(
      ({ place, name, license = 'see its files' }) =>
        `Files: usr/lib/skerry/${place}/*\nCopyright: the authors of ${name}\nLicense: ${license.replaceAll(/[()]/g, '')}\nComment: Its own licence is beside it.`,
    ),
    'License: Apache-2.0\n On Debian systems, the Apache License, version 2.0, is in /usr/share/common-licenses/Apache-2.0.',
  ];
  return `${stanzas.join('\n\n')}\n`;
}

/** dpkg's maintainer scripts are templates: what is of this service is put in. */
export const maintainerScript = (template: string, { unit, user, state, configuration }: Service): string =>
  template
    .replaceAll('@UNIT@', unit)
    .replaceAll('@USER@', user)
    .replaceAll('@STATE@', state)
    .replaceAll('@SYSUSERS@', `${unit.replace('.service', '')}.conf`)
    .replaceAll('@CONFIGURATION@', configuration.join(' '));

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.replaceAll('’', "'").split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length > 76) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
