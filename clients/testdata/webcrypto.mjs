// A client that signs with WebCrypto, as a browser does. Commands:
//   new ALGORITHM   prints {"private": JWK, "jwk": JWK, "spki": base64, "raw": base64}
//   sign ALGORITHM  reads {"private": JWK, "text": string}, prints the base64 of the signature
import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';

const { subtle } = globalThis.crypto ?? webcrypto; // before Node.js 20 it is not global
const [command, name] = process.argv.slice(2);
const algorithms = {
  ES256: { key: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } },
  Ed25519: { key: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
};
const algorithm = algorithms[name];
const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

if (command === 'new') {
  const pair = await subtle.generateKey(algorithm.key, true, ['sign', 'verify']);
  console.log(JSON.stringify({
    private: await subtle.exportKey('jwk', pair.privateKey),
    jwk: await subtle.exportKey('jwk', pair.publicKey),
    spki: base64(await subtle.exportKey('spki', pair.publicKey)),
    raw: base64(await subtle.exportKey('raw', pair.publicKey)),
  }));
} else if (command === 'sign') {
  const order = JSON.parse(readFileSync(0, 'utf8'));
  const key = await subtle.importKey('jwk', order.private, algorithm.key, false, ['sign']);
  console.log(base64(await subtle.sign(algorithm.sign, key, new TextEncoder().encode(order.text))));
} else {
  throw new Error(`no command ${command}`);
}
