// What a domain publishes: {"keys":[{pub, fingerprint, alg, created, expires}]}. An entry that is not in order is no key.
import { createHash, createPublicKey } from "node:crypto";
import { lookup, parse, SyntaxFault } from "./json.mjs";
import { timestamp } from "./time.mjs";

const MAX_DOCUMENT = 64 * 1024;
const P = 2n ** 255n - 19n;
const D = mod(-121665n * inverse(121666n));

// readKeys gives the keys of a document by fingerprint: {public, expires}, expires in nanoseconds or null.
export function readKeys(bytes, loose) {
  const keys = new Map();
  let root;
  try {
    root = bytes.length > MAX_DOCUMENT ? null : parse(bytes, 32);
  } catch (e) {
    if (!(e instanceof SyntaxFault)) throw e;
  }
  const list = root?.kind === "object" ? lookup(root, "keys") : null;
  for (const entry of list?.kind === "array" ? list.items : []) {
    const key = entry.kind === "object" ? readKey(entry, loose) : null;
    if (key && !keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
  }
  return keys;
}

function readKey(entry, loose) {
  const text = (name) => lookup(entry, name)?.text;
  const raw = base64url(text("pub") ?? "", 43);
  if (text("alg") !== "Ed25519" || !raw || !isKey(raw, loose.has("small-order"))) return null;
  const fingerprint = createHash("sha256").update(raw).digest("hex");
  const [created, expires] = [time(lookup(entry, "created")), time(lookup(entry, "expires"))];
  if (text("fingerprint") !== fingerprint || created === undefined || expires === undefined) return null;
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  return { fingerprint, public: createPublicKey({ key: jwk, format: "jwk" }), expires };
}

// time reads a time that may be absent: null. One that cannot be read must not pass for none: undefined.
function time(value) {
  if (!value || value.kind === "null") return null;
  const at = value.kind === "string" ? timestamp(value.text) : null;
  return at !== null && at > timestamp("0001-01-01T00:00:00Z") && at <= timestamp("9999-12-31T23:59:59.999999999Z") ? at : undefined;
}

// base64url decodes the one spelling of bytes that has so many characters: no padding, and the bits left over zero.
export function base64url(s, characters) {
  const bytes = Buffer.from(s, "base64url");
  return s.length === characters && bytes.toString("base64url") === s ? bytes : null;
}

// isKey tells whether 32 bytes are a point of the curve, in its one spelling, and not of small order: under such a point anybody can sign.
function isKey(raw, smallOrder) {
  const number = BigInt(`0x${Buffer.from(raw).reverse().toString("hex")}`);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (smallOrder) return true; // leave all that to the library, as many do
  if (y >= P) return false;
  let x = root(mod((y * y - 1n) * inverse(D * y * y + 1n)));
  if (x === null || (x === 0n && sign === 1n)) return false;
  if ((x & 1n) !== sign) x = P - x;
  let point = [x, y];
  for (let i = 0; i < 3; i++) point = double(point);
  return !(point[0] === 0n && point[1] === 1n);
}

function double([x, y]) {
  const k = mod(D * x * x * y * y);
  return [mod(2n * x * y * inverse(1n + k)), mod((y * y + x * x) * inverse(1n - k))];
}

// root is a square root, or null: P is 5 modulo 8.
function root(square) {
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * power(2n, (P - 1n) / 4n));
  return mod(x * x - square) === 0n ? x : null;
}

function power(base, exponent) {
  let result = 1n;
  for (base = mod(base); exponent > 0n; exponent >>= 1n, base = mod(base * base)) {
    if (exponent & 1n) result = mod(result * base);
  }
  return result;
}

function inverse(n) {
  return power(n, P - 2n);
}

function mod(n) {
  return ((n % P) + P) % P;
}
