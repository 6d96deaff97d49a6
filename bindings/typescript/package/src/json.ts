/**
 * JSON as the contract reads it. `JSON.parse` forgets whether `2.0` was written as an integer,
 * rounds integers beyond 2^53, and takes half a surrogate pair for a character; a validator that
 * looks at its result cannot agree with those of other languages. Most events hold nothing of
 * that kind, and for them `JSON.parse` is used all the same.
 */

/** A number that was written with a fraction, an exponent or as `-0`, and has an integer value. */
export class Float {
  constructor(readonly value: number) {}

  toJSON(): number {
    return this.value;
  }
}

/** What a JSON text holds. Integers beyond 2^53 are `bigint`. */
export type Json = null | boolean | number | bigint | string | Float | Json[] | JsonObject;

/** The members of an object. */
export interface JsonObject {
  [name: string]: Json;
}

/** Whether it is an object, and no {@link Float}, which is one to JavaScript alone. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);
}

/** The text is not JSON. */
export class NotJson extends Error {
  constructor() {
    super("not JSON");
    this.name = "NotJson";
  }
}

/** What stands in a text, as far as that can be told without parsing it. */
export interface Scan {
  /** The deepest nesting of brackets. */
  depth: number;
  /** Whether `JSON.parse` would lose nothing. */
  plain: boolean;
}

/** The longest run of digits that is always a safe integer. */
const SAFE_DIGITS = 15;
/** The deepest nesting that the parser follows, as in the Rust library. */
const DEEPEST = 127;
const LONGEST_U64 = 18446744073709551615n;
const LEAST_I64 = -9223372036854775808n;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Looks once over a text. */
export function scan(text: string): Scan {
  let depth = 0;
  let deepest = 0;
  let plain = true;
  let digits = 0;
  let previous = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < text.length; at++) {
        const inner = text.charCodeAt(at);
        if (inner === QUOTE) break;
        if (inner === BACKSLASH) {
          at++;
          if (text.charCodeAt(at) === 0x75) plain = false;
        }
      }
      digits = 0;
      previous = QUOTE;
      continue;
    }
    if (code >= 0x30 && code <= 0x39) {
      digits++;
      if (digits > SAFE_DIGITS || previous === 0x2d) plain = plain && digits <= SAFE_DIGITS && code !== 0x30;
    } else {
      // A dot or an exponent after a digit.
      if (digits > 0 && (code === 0x2e || code === 0x65 || code === 0x45)) plain = false;
      digits = 0;
      if (code === 0x7b || code === 0x5b) {
        depth++;
        if (depth > deepest) deepest = depth;
      } else if ((code === 0x7d || code === 0x5d) && depth > 0) {
        depth--;
      }
    }
    previous = code;
  }
  return { depth: deepest, plain };
}

/** What becomes of a member that stands twice in an object. */
export type Twice = "last" | "refuse";

/**
 * Parses a JSON text without loss.
 *
 * @throws {NotJson} as well for half surrogate pairs and numbers that no double holds.
 */
export function parse(text: string, twice: Twice = "last", scanned?: Scan): Json {
  if (twice === "last" && (scanned ?? scan(text)).plain) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      throw new NotJson();
    }
  }
  const parser = new Parser(text, twice);
  return parser.whole();
}

/**
 * The members of the object that a text is, each with its own text, unparsed.
 *
 * @throws {NotJson} also if the text is no object, or one of the members `once` stands twice.
 */
export function members(text: string, once: readonly string[]): Map<string, string> {
  return new Parser(text, "last").spans(once);
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN_TEXT = /[^"\\\u0000-\u001f]*/y;
const HALF_PAIR = /\p{Cs}/u;

class Parser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly twice: Twice,
  ) {}

  whole(): Json {
    const value = this.value();
    this.blanks();
    if (this.at !== this.text.length) throw new NotJson();
    return value;
  }

  spans(once: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    this.blanks();
    this.take("{");
    this.each("}", () => {
      const name = this.memberName();
      this.blanks();
      const from = this.at;
      this.value();
      if (found.has(name) && once.includes(name)) throw new NotJson();
      found.set(name, this.text.slice(from, this.at));
    });
    this.blanks();
    if (this.at !== this.text.length) throw new NotJson();
    return found;
  }

  private value(): Json {
    this.blanks();
    switch (this.text[this.at]) {
      case "{":
        return this.nested(() => this.object());
      case "[":
        return this.nested(() => this.array());
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private nested<T>(parse: () => T): T {
    this.depth++;
    if (this.depth > DEEPEST) throw new NotJson();
    this.at++;
    const value = parse();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const object: JsonObject = {};
    this.each("}", () => {
      const name = this.memberName();
      const value = this.value();
      if (this.twice === "refuse" && Object.hasOwn(object, name)) throw new NotJson();
      if (name === "__proto__") {
        Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
      } else {
        object[name] = value;
      }
    });
    return object;
  }

  private array(): Json[] {
    const items: Json[] = [];
    this.each("]", () => items.push(this.value()));
    return items;
  }

  /** What stands between commas up to the closing bracket. */
  private each(close: string, part: () => void): void {
    this.blanks();
    if (this.text[this.at] === close) {
      this.at++;
      return;
    }
    for (;;) {
      part();
      this.blanks();
      if (this.text[this.at] === close) {
        this.at++;
        return;
      }
      this.take(",");
    }
  }

  private memberName(): string {
    this.blanks();
    if (this.text[this.at] !== '"') throw new NotJson();
    const name = this.string();
    this.blanks();
    this.take(":");
    return name;
  }

  private string(): string {
    const from = this.at;
    let at = this.at + 1;
    for (;;) {
      PLAIN_TEXT.lastIndex = at;
      PLAIN_TEXT.test(this.text);
      at = PLAIN_TEXT.lastIndex;
      if (this.text[at] !== "\\") break;
      at += 2;
    }
    if (this.text[at] !== '"') throw new NotJson();
    this.at = at + 1;
    try {
      // Escapes, and nothing else, are left to it.
      const value = JSON.parse(this.text.slice(from, this.at)) as string;
      if (HALF_PAIR.test(value)) throw new NotJson();
      return value;
    } catch {
      throw new NotJson();
    }
  }

  private number(): number | bigint | Float {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (found === null) throw new NotJson();
    this.at = NUMBER.lastIndex;
    const text = found[0];
    if (found[1] === undefined && found[2] === undefined && text !== "-0") {
      if (text.length <= SAFE_DIGITS) return Number(text);
      // Longer than any integer of 64 bits: a double, as in the Rust library.
      if (text.length <= 20) {
        const exact = BigInt(text);
        if (exact >= LEAST_I64 && exact <= LONGEST_U64) {
          const near = Number(exact);
          return Number.isSafeInteger(near) ? near : exact;
        }
      }
    }
    const value = Number(text);
    if (!Number.isFinite(value)) throw new NotJson();
    return Number.isInteger(value) ? new Float(value) : value;
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw new NotJson();
    this.at += word.length;
    return value;
  }

  private take(expected: string): void {
    if (this.text[this.at] !== expected) throw new NotJson();
    this.at++;
  }

  private blanks(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }
}

/**
 * Writes a value as compact JSON; integers as `bigint` are written whole.
 *
 * @throws {TypeError} for a number that JSON cannot hold, half a surrogate pair, a function, a
 * symbol or a cycle.
 */
export function write(value: unknown): string {
  return text(value, 0) ?? "null";
}

function text(value: unknown, depth: number): string | undefined {
  if (depth > DEEPEST) throw new TypeError("nested too deep for JSON");
  switch (typeof value) {
    case "string":
      if (HALF_PAIR.test(value)) throw new TypeError("half a surrogate pair is no character");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError("JSON holds no such number");
      return Object.is(value, -0) ? "-0.0" : String(value);
    case "bigint":
      return value.toString();
    case "boolean":
      return value ? "true" : "false";
    case "undefined":
      return undefined;
    case "object":
      break;
    default:
      throw new TypeError(`JSON holds no ${typeof value}`);
  }
  if (value === null) return "null";
  if (value instanceof Float) return Number.isInteger(value.value) ? floatText(value.value) : String(value.value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => text(item, depth + 1) ?? "null").join(",")}]`;
  }
  const parts: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const written = text(member, depth + 1);
    if (written !== undefined) {
      parts.push(`${text(name, depth)}:${written}`);
    }
  }
  return `{${parts.join(",")}}`;
}

function floatText(value: number): string {
  const written = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(written) ? written : `${written}.0`;
}
