// A verifier of MIR claims in JavaScript, for Node.js 20 or later, without packages: an example of a program that the conformance suite can test.
//
//   node verifier.mjs [--max-age 24h] [--expect-domain DOMAIN] [--no-expired-keys] KEYS < claim
//
// KEYS is a domain's mir.json. It prints {"result":"ACCEPT"} or {"result":"REJECT","code":"…"}.
//
// With --loose=duplicates,spellings,small-order (or some of these) it falls into the traps of the same names, as careless verifiers do.
import { verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { canonical } from "./canonical.mjs";
import { lookup, parse, SyntaxFault } from "./json.mjs";
import { base64url, readKeys } from "./keys.mjs";
import { timestamp } from "./time.mjs";

const MAX_CLAIM = 16 * 1024;
const MAX_METADATA = 4096;
const MAX_DEPTH = 32;
const SKEW = 5n * 60n * 1_000_000_000n;

const REQUIRED = ["mir", "type", "domain", "subject", "timestamp", "keyFingerprint", "sig"];
const HASH = /^[a-f0-9]{64}$/;
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const DOMAIN = new RegExp(`^(?:${LABEL}\\.)+${LABEL}$`);
const LAST_LABEL = /(?:^|\.)(?:[a-zA-Z]{2,}|[xX][nN]--[a-zA-Z0-9-]+)$/;
const SUFFIX = /^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$/;

class Rejection extends Error {
  constructor(code, why) {
    super(why);
    this.code = code;
  }
}

function need(condition, code, why) {
  if (!condition) throw new Rejection(code, why);
}

const isDomain = (s) => s.length <= 253 && DOMAIN.test(s) && LAST_LABEL.test(s);

function isType(s) {
  const colon = s.indexOf(":");
  if (colon >= 0) return isDomain(s.slice(0, colon)) && SUFFIX.test(s.slice(colon + 1));
  return s.startsWith("mir.") && SUFFIX.test(s.slice(4));
}

// readClaim is steps 1 to 3: the JSON, the members, their formats.
function readClaim(bytes, loose) {
  const document = trim(bytes);
  need(document.length <= MAX_CLAIM, "INVALID_SCHEMA", "more than 16 KiB");
  let root;
  try {
    root = parse(document, MAX_DEPTH, { lastWins: loose.has("duplicates") });
  } catch (e) {
    throw e instanceof SyntaxFault ? new Rejection("INVALID_SCHEMA", e.message) : e;
  }
  need(root.kind === "object", "INVALID_SCHEMA", "no object");
  for (const m of root.members) {
    need(!m.bad && (REQUIRED.includes(m.name) || m.name === "metadata"), "INVALID_SCHEMA", `an unknown member ${m.literal}`);
  }
  const claim = { root, metadata: lookup(root, "metadata") };
  for (const name of REQUIRED) {
    const value = lookup(root, name);
    need(value && (name === "mir" ? value.kind === "number" : value.kind === "string"), "INVALID_SCHEMA", `${name} is missing, or of another kind`);
    claim[name] = value.text;
  }
  need(canonical(lookup(root, "mir"), false).text === "1", "INVALID_SCHEMA", "another version");
  need(!claim.metadata || claim.metadata.kind === "object", "INVALID_SCHEMA", "metadata is no object");
  need(isType(claim.type), "INVALID_SCHEMA", "the type");
  need(isDomain(claim.domain), "INVALID_SCHEMA", "the domain");
  need(HASH.test(claim.subject) && HASH.test(claim.keyFingerprint), "INVALID_SCHEMA", "the subject or the fingerprint");
  claim.at = timestamp(claim.timestamp);
  need(claim.at !== null, "INVALID_SCHEMA", "the timestamp");
  claim.signature = loose.has("spellings") ? Buffer.from(claim.sig, "base64") : base64url(claim.sig, 86);
  need(claim.signature?.length === 64, "INVALID_SCHEMA", "the sig");
  return claim;
}

// trim leaves out the white space around a document.
function trim(bytes) {
  let [from, to] = [0, bytes.length];
  const blank = (b) => b === 0x20 || b === 0x09 || b === 0x0a || b === 0x0d;
  while (from < to && blank(bytes[from])) from++;
  while (to > from && blank(bytes[to - 1])) to--;
  return bytes.subarray(from, to);
}

// forms is step 4: what may have been signed. A form that does not exist has a fault.
function forms(claim) {
  const unsigned = { kind: "object", members: claim.root.members.filter((m) => m.name !== "sig").map(plainVersion) };
  if (claim.metadata) {
    need(Buffer.byteLength(canonical(claim.metadata, false).text) <= MAX_METADATA, "INVALID_SCHEMA", "the metadata is too large");
  }
  const [text, sdk] = [canonical(unsigned, false), canonical(unsigned, true)];
  need(!text.fault, "CANONICALIZATION_ERROR", text.fault);
  return [text, sdk];
}

// plainVersion writes the version as 1, however it was spelled.
const plainVersion = (m) => (m.name === "mir" ? { ...m, value: { kind: "number", literal: "1" } } : m);

// judge goes through the steps in their order. A Rejection is the first that fails.
function judge(bytes, keys, now, options) {
  const claim = readClaim(bytes, options.loose);
  const [text, sdk] = forms(claim);
  const expected = options["expect-domain"]?.toLowerCase();
  need(!expected || claim.domain.toLowerCase() === expected, "DOMAIN_MISMATCH", "another domain was expected");
  const key = keys.get(claim.keyFingerprint);
  need(key, "KEY_NOT_FOUND", "the domain publishes no such key");
  const expired = (at) => key.expires !== null && at > key.expires + SKEW;
  need(!expired(claim.at), "KEY_EXPIRED", "the key had expired by then");
  need(!options["no-expired-keys"] || !expired(now), "KEY_EXPIRED", "the key has expired");
  need(claim.at <= now + SKEW, "CLAIM_EXPIRED", "it is of the future");
  need(!options["max-age"] || now - claim.at <= duration(options["max-age"]), "CLAIM_EXPIRED", "it is too old");
  const signed = (form) => verify(null, Buffer.from(form.text), key.public, claim.signature);
  if (signed(text)) return;
  need(!sdk.fault, "CANONICALIZATION_ERROR", sdk.fault);
  need(sdk.text !== text.text && signed(sdk), "INVALID_SIGNATURE", "the signature is over something else");
}

// duration reads "90s", "30m" or "24h", in nanoseconds.
function duration(s) {
  const [, number, unit] = /^([0-9]+)([smh])$/.exec(s);
  return BigInt(number) * { s: 1n, m: 60n, h: 3600n }[unit] * 1_000_000_000n;
}

// verdict judges a claim by the keys in a domain's mir.json, both as bytes: {result: "ACCEPT"} or {result: "REJECT", code}.
export function verdict(claim, keys, options) {
  try {
    judge(claim, readKeys(keys, options.loose), BigInt(Date.now()) * 1_000_000n, options);
    return { result: "ACCEPT" };
  } catch (e) {
    if (!(e instanceof Rejection)) throw e;
    return { result: "REJECT", code: e.code };
  }
}

// readOptions reads a command line: its options, and its one other word.
export function readOptions(words) {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      "max-age": { type: "string" },
      "expect-domain": { type: "string" },
      "no-expired-keys": { type: "boolean" },
      loose: { type: "string", default: "" },
    },
  });
  return { ...values, loose: new Set(values.loose.split(",")), file: positionals[0] };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const options = readOptions(process.argv.slice(2));
  console.log(JSON.stringify(verdict(readFileSync(0), readFileSync(options.file), options)));
}
