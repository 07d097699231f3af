import { join } from 'node:path';
import { asProgram, CLONE } from '../systemd/program.ts';
import { buildBox } from './box/build.ts';

const USAGE = `provisioning/vagrant/build-box: make a Vagrant box for libvirt from Debian's packages, where no catalogue of boxes can be reached.

It has what the roles of a site need, so that machines made from it need no network. It takes a minute or two, as root, and 8 GB of
sparse disk; the same recipe makes no second one. Then: SKERRY_BOX=local vagrant up
`;

await asProgram(async () => {
  if (process.argv.slice(2).some((word) => word.startsWith('-'))) console.log(USAGE);
  else console.log(await buildBox(join(CLONE, '.cache'), (line) => console.error(line)));
  return 0;
});
