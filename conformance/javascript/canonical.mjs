// The two canonical forms: that of the protocol's text, which is the one to sign, and that of the reference SDK, in which old signatures exist.
// Both keep every value exactly; a value that a form cannot hold is a fault, so that two claims never share signed bytes.

// canonical writes a value. It gives the text, and what cannot be written, if anything.
export function canonical(value, sdk) {
  let fault = null;
  const number = (literal) => {
    const n = exact(literal);
    const float = Number(literal);
    const shortest = exact(String(float));
    const kept = shortest.digits === n.digits && shortest.point === n.point;
    if (n.digits === "") return "0"; // -0 too
    if (!Number.isFinite(float) || float === 0) return (fault ??= "a number out of range"), "";
    if (!kept && (sdk || n.point < n.digits.length)) return (fault ??= "a number with more digits than a float holds"), "";
    return sdk ? String(float) : decimal(n);
  };
  const text = (s, bad) => {
    if (bad) fault ??= "text that is not UTF-8";
    return JSON.stringify(s); // escapes just what the protocol does
  };
  const write = (v) => {
    switch (v.kind) {
      case "object":
        return `{${[...v.members].sort(sdk ? asJavaScript : byCodePoint).map((m) => `${text(m.name, m.bad)}:${write(m.value)}`).join(",")}}`;
      case "array":
        return `[${v.items.map(write).join(",")}]`;
      case "string":
        return text(v.text, v.bad);
      case "number":
        return number(v.literal);
    }
    return v.literal;
  };
  return { text: write(value), fault };
}

// exact reads a number: ±0.DIGITS × 10^point, without zeros at either end of the digits.
function exact(literal) {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(literal) ?? [null, "", "0"];
  const all = whole + fraction;
  const significant = all.replace(/^0+/, "");
  const digits = significant.replace(/0+$/, "");
  // An exponent past a million is out of every range, whatever the digits.
  const point = whole.length + Math.max(-1e6, Math.min(1e6, Number(exponent))) - (all.length - significant.length);
  return { sign, digits, point: digits === "" ? 0 : point };
}

// decimal writes a number without an exponent.
function decimal({ sign, digits, point }) {
  if (point >= digits.length) return sign + digits.padEnd(point, "0");
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  return `${sign}0.${"0".repeat(-point)}${digits}`;
}

// The bytes of UTF-8 sort as the code points do.
const byCodePoint = (a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

// JavaScript sorts by UTF-16 units, and has array indexes before all other names, by their value.
function asJavaScript(a, b) {
  const [i, j] = [arrayIndex(a.name), arrayIndex(b.name)];
  if (i !== null && j !== null) return i - j;
  if (i !== null || j !== null) return i !== null ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

const arrayIndex = (name) => (/^(0|[1-9][0-9]{0,9})$/.test(name) && Number(name) <= 2 ** 32 - 2 ? Number(name) : null);
