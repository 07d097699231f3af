import { ERR, Exit, OK, type Program, USAGE } from './call.ts';
import { type IpStack, stackOf } from './state.ts';

/** route(8): `get`, `add` and `delete`, in the stack of the zone that it runs in. */
export const route: Program = (call) => {
  const words = call.args.filter((word) => !word.startsWith('-'));
  const isPersistent = call.args.includes('-p');
  const [verb, first = '', second = ''] = words;
  return call.host.change((state) => {
    const stack = stackOf(state, call.zone);
    if (verb === 'get') {
      const found = wayTo(stack, first);
      if (!found) throw new Exit(`writing to routing socket: No such process`);
      call.out(`   route to: ${first}`);
      call.out(`destination: ${found.destination}`);
      call.out(`       mask: ${found.mask}`);
      if (found.gateway !== undefined) call.out(`    gateway: ${found.gateway}`);
      call.out(`  interface: ${found.interface}`);
      call.out(`      flags: <UP,${found.gateway === undefined ? '' : 'GATEWAY,'}DONE>`);
      call.out(' recvpipe  sendpipe  ssthresh    rtt,ms rttvar,ms  hopcount      mtu     expire');
      call.out('       0         0         0         0         0         0      1500         0 ');
      return OK;
    }
    if (verb !== 'add' && verb !== 'delete') {
      call.err('usage: route [ -fnpqv ] cmd [[ -<qualifiers> ] args ]');
      return USAGE;
    }
    const fits = (one: IpStack['routes'][number]) => one.destination === first && one.gateway === second;
    const there = stack.routes.some(fits);
    if (verb === 'add' && there) {
      call.err(`add net ${first}: gateway ${second}: entry exists`);
      return ERR;
    }
    if (verb === 'delete' && !there) {
      call.err(`delete net ${first}: gateway ${second}: not in table`);
      return ERR;
    }
    if (verb === 'add') stack.routes.push({ destination: first, gateway: second, persistent: isPersistent });
    else stack.routes = stack.routes.filter((one) => !fits(one));
    call.out(`${verb} net ${first}: gateway ${second}`);
    return OK;
  });
};

interface Way {
  destination: string;
  mask: string;
  gateway: string | undefined;
  interface: string;
}

/** The interface whose net has the address, else the default route. */
function wayTo(stack: IpStack, address: string): Way | undefined {
  const onLink = (target: string) => stack.addresses.find(({ address: own }) => sameNet(own, target));
  const direct = onLink(address);
  if (direct) {
    const [, bits = '32'] = direct.address.split('/');
    const mask = maskOf(Number(bits));
    return {
      destination: dotted(numberOf(address) & numberOf(mask)),
      mask,
      gateway: undefined,
      interface: direct.object.split('/')[0]!,
    };
  }
  const first = stack.routes.find(({ destination }) => destination === 'default');
  const through = first && onLink(first.gateway);
  if (!first || !through) return undefined;
  return { destination: 'default', mask: 'default', gateway: first.gateway, interface: through.object.split('/')[0]! };
}

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0);
const dotted = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
const maskOf = (bits: number): string => dotted(bits === 0 ? 0 : -1 << (32 - bits));

function sameNet(own: string, target: string): boolean {
  const [address = '', bits = '32'] = own.split('/');
  if (address.includes(':') || target.includes(':')) return false;
  const mask = numberOf(maskOf(Number(bits)));
  return (numberOf(address) & mask) === (numberOf(target) & mask);
}
