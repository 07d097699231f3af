import assert from 'node:assert/strict';
import { Scram } from '#shared/xmpp/connection/scram.ts';

/** The examples of the RFCs, for user `user` and password `pencil`. */
const EXAMPLES = [
  {
    source: 'RFC 5802 section 5',
    hash: 'sha1',
    keyBytes: 20,
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    challenge: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    response: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    final: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    source: 'RFC 7677 section 3',
    hash: 'sha256',
    keyBytes: 32,
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    response:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    final: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
];
const CREDENTIALS = { username: 'user', password: 'pencil' };

describe('SCRAM', () => {
  for (const { source, hash, keyBytes, nonce, challenge, response, final } of EXAMPLES) {
    it(`is as in ${source}`, async () => {
      const scram = new Scram(hash, keyBytes, nonce);
      assert.equal(await scram.response(CREDENTIALS), `n,,n=user,r=${nonce}`);
      await scram.challenge(challenge);
      assert.equal(await scram.response(CREDENTIALS), response);
      assert.equal(scram.serverIsProven(final), true);
      assert.equal(scram.serverIsProven(final.replace(/.=$/, 'A=')), false);
      assert.equal(scram.serverIsProven(''), false);
      assert.equal(scram.serverIsProven('e=other-error'), false);
    });

    it(`takes the server's proof before the success too: ${hash}`, async () => {
      const scram = new Scram(hash, keyBytes, nonce);
      await scram.response(CREDENTIALS);
      await scram.challenge(challenge);
      await scram.response(CREDENTIALS);
      await scram.challenge(final);
      assert.equal(await scram.response(CREDENTIALS), '');
      assert.equal(scram.serverIsProven(''), true);
    });
  }

  it('proves nothing before there was a challenge', () => {
    assert.equal(new Scram('sha1', 20).serverIsProven('v='), false);
  });

  for (const [problem, challenge] of [
    ['a nonce that is not ours', 'r=other,s=QSXCR+Q6sek8bf92,i=4096'],
    ['our nonce with nothing added', 'r=mine,s=QSXCR+Q6sek8bf92,i=4096'],
    ['too few iterations', 'r=mine1,s=QSXCR+Q6sek8bf92,i=100'],
    ['too many iterations', 'r=mine1,s=QSXCR+Q6sek8bf92,i=999999999'],
    ['iterations that are no number', 'r=mine1,s=QSXCR+Q6sek8bf92,i=x'],
    ['nothing at all', ''],
  ] as const)
    it(`refuses ${problem}`, async () => {
      const scram = new Scram('sha1', 20, 'mine');
      await scram.response(CREDENTIALS);
      await scram.challenge(challenge);
      await assert.rejects(scram.response(CREDENTIALS), { name: 'SASLError' });
    });

  it('writes a name with a comma or an equals sign so that it is one', async () => {
    const scram = new Scram('sha1', 20, 'n');
    assert.equal(await scram.response({ username: 'a=b,c', password: 'x' }), 'n,,n=a=3Db=2Cc,r=n');
  });
});
