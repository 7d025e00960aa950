// JSON as signatures need it: read from bytes, every value as it was spelled, and nothing left to chance. JSON.parse would not do: it takes the
// last of two members with one name, rounds numbers, and hides bytes that are not UTF-8.
//
// A value is {kind, literal, …}: an object has members [{name, bad, literal, value}], an array items, a string text and bad, which says that no
// UTF-8 text holds it.

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const LONE_SURROGATE = /\p{Surrogate}/u;

export class SyntaxFault extends Error {}

// parse reads one value of at most depth levels. With lastWins a name may stand twice, and the last one counts.
export function parse(bytes, depth, { lastWins = false } = {}) {
  const text = bytes.toString("latin1"); // one character a byte, so that places in the two are the same
  let at = 0;

  const fail = (why) => {
    throw new SyntaxFault(`${why} at byte ${at}`);
  };
  const space = () => {
    while (" \t\r\n".includes(text[at] ?? "x")) at++;
  };
  const take = (word) => {
    if (!text.startsWith(word, at)) fail(`no ${word}`);
    at += word.length;
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) fail("no JSON value");
    at += found[0].length;
    return found[0];
  };

  function string() {
    const from = at;
    match(/"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    const literal = bytes.subarray(from, at);
    let [source, bad] = ["", false];
    try {
      source = utf8.decode(literal);
    } catch {
      [source, bad] = [literal.toString("utf8"), true];
    }
    const decoded = JSON.parse(source);
    return { kind: "string", literal: text.slice(from, at), text: decoded, bad: bad || LONE_SURROGATE.test(decoded) };
  }

  function object(level) {
    const members = [];
    take("{");
    for (space(); text[at] !== "}"; space()) {
      if (members.length > 0) take(","), space();
      const name = string();
      space();
      take(":");
      const member = { name: name.text, bad: name.bad, literal: name.literal, value: value(level) };
      const same = members.findIndex((m) => m.bad === member.bad && (m.bad ? m.literal === member.literal : m.name === member.name));
      if (same >= 0 && !lastWins) fail(`the member ${name.literal} stands twice`);
      if (same >= 0) members.splice(same, 1);
      members.push(member);
    }
    at++;
    return { kind: "object", members };
  }

  function array(level) {
    const items = [];
    take("[");
    for (space(); text[at] !== "]"; space()) {
      if (items.length > 0) take(",");
      items.push(value(level));
    }
    at++;
    return { kind: "array", items };
  }

  function value(level) {
    space();
    switch (text[at]) {
      case "{":
      case "[":
        if (level === depth) fail("nested too deep");
        return text[at] === "{" ? object(level + 1) : array(level + 1);
      case '"':
        return string();
      case "t":
      case "f":
      case "n":
        return { kind: text[at] === "n" ? "null" : "boolean", literal: match(/true|false|null/y) };
    }
    return { kind: "number", literal: match(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y) };
  }

  const root = value(0);
  space();
  if (at !== text.length) fail("something stands behind the value");
  return root;
}

// lookup gives the value of a member, or undefined.
export const lookup = (object, name) => object.members.find((m) => !m.bad && m.name === name)?.value;
