// Runs the script for a browser that is named first as a page would, with the file that is named second chosen in the page's input.
const { readFileSync } = require('node:fs');
const vm = require('node:vm');

globalThis.crypto ??= require('node:crypto').webcrypto; // before Node.js 20 it is not global
const [script, chosen] = process.argv.slice(2);
let changed;
globalThis.document = {
  querySelector(selector) {
    if (selector !== 'input[type="file"]') throw new Error(`the page has no ${selector}`);
    return { addEventListener: (event, listener) => { if (event === 'change') changed = listener; } };
  },
};
vm.runInThisContext(readFileSync(script, 'utf8'), { filename: script });
changed({ target: { files: [new Blob([readFileSync(chosen)])] } });
