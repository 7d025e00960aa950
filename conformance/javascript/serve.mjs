// The same verifier as a server on a Unix socket, for a suite that runs a program for each case: Node.js takes a tenth of a second to start,
// and curl a hundredth.
//
//   node serve.mjs SOCKET [--loose=…]
//   curl -s --unix-socket SOCKET --data-binary @- http://localhost/KEYS < claim
//
// KEYS is the path of the domain's mir.json. It prints a line when it listens, and ends with its standard input.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { readOptions, verdict } from "./verifier.mjs";

const MAX_BODY = 1024 * 1024; // far more than a claim

const options = readOptions(process.argv.slice(2));
const server = createServer((request, response) => {
  const parts = [];
  let size = 0;
  request.on("data", (part) => ((size += part.length) > MAX_BODY ? request.destroy() : parts.push(part)));
  request.on("end", () => {
    const keys = readFileSync(decodeURIComponent(request.url));
    response.end(JSON.stringify(verdict(Buffer.concat(parts), keys, options)));
  });
});
server.listen(options.file, () => console.log("listening"));
process.stdin.on("end", () => process.exit(0)).resume();
