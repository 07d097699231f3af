import { Exit, OK, options, type Program } from './call.ts';
import { printed } from './columns.ts';
import { linkNamed } from './state.ts';

/** flowadm(8): `add-flow`, `remove-flow` and `show-flow`. */
export const flowadm: Program = (call) => {
  const [word = 'show-flow', ...args] = call.args;
  const asked = options(args, word === 'show-flow' ? 'pPl:o:' : 'tl:a:p:R:');
  const [name] = asked.rest;
  const link = asked.flags.get('l');
  return call.host.change((state) => {
    if (word === 'show-flow') {
      const rows = state.flows
        .filter((flow) => (link === undefined || flow.link === link) && (name === undefined || flow.name === name))
        .map((flow) => ({ FLOW: flow.name, LINK: flow.link, ATTRIBUTES: flow.attributes }));
      if (name !== undefined && rows.length === 0) throw new Exit(`flow '${name}' does not exist: object not found`);
      const table = { fields: ['FLOW', 'LINK', 'ATTRIBUTES'], rows };
      for (const line of printed(table, { parsable: asked.flags.has('p'), output: asked.flags.get('o') }))
        call.out(line);
      return OK;
    }
    if (word === 'add-flow') {
      if (name === undefined || link === undefined) throw new Exit('flow name and link are required');
      if (!linkNamed(state, link)) throw new Exit(`invalid link name '${link}': object not found`);
      if (state.flows.some((flow) => flow.name === name)) throw new Exit(`add flow failed: object already exists`);
      state.flows.push({ name, link, attributes: asked.flags.get('a') ?? '', persistent: !asked.flags.has('t') });
      return OK;
    }
    if (word === 'remove-flow') {
      const doomed = state.flows.filter((flow) => (name === undefined ? flow.link === link : flow.name === name));
      if (name !== undefined && doomed.length === 0) throw new Exit(`flow remove failed: object not found`);
      state.flows = state.flows.filter((flow) => !doomed.includes(flow));
      return OK;
    }
    throw new Exit(`unknown subcommand '${word}'`);
  });
};
