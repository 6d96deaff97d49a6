/**
 * JSON Schema Draft-04 over values that {@link ./json.ts} parsed.
 *
 * A validator of our own, small, so that one rule means the same in every language: `2.0` is no
 * integer, integers beyond 2^53 are compared exactly, a text's length is counted in characters,
 * and siblings of `$ref` are ignored. It builds functions once and evaluates no text as code.
 */

import { FORMATS } from "./formats.js";
import { Float, isObject, type Json, type JsonObject } from "./json.js";
import { type Known, knownItems, knownMembers, plain } from "./known.js";
import { boundedText } from "./text.js";

/** One place that a schema refuses. */
export interface FieldError {
  /** JSON pointer; of a missing or unknown member, to that member. Empty: the whole. */
  readonly pointer: string;
  /** What is wrong. The value is not shown. */
  readonly message: string;
  /** The keyword that refuses. */
  readonly keyword: string;
}

/** A schema, ready to be applied. */
export interface Validator {
  /** The fast answer: nothing is collected. */
  accepts(value: Json): boolean;
  /** What is wrong, at most `most` places. */
  errors(value: Json, most: number): FieldError[];
  /** The value without members that no schema names, and with plain numbers. */
  known(value: Json): Json;
}

type Accepts = (value: Json) => boolean;
type Report = (value: Json, at: string, out: FieldError[]) => void;

interface Node {
  accepts: Accepts;
  report: Report;
  known: Known;
}

const IGNORED = new Set(["$schema", "id", "title", "description", "default", "definitions"]);

/**
 * Builds the validator of a self-contained schema.
 *
 * @throws {Error} for a keyword, format or reference that it does not know: a rule that is not
 * applied must not pass for one that is.
 */
export function compile(schema: Json): Validator {
  const root = new Compiler(schema).root();
  return {
    accepts: root.accepts,
    errors(value, most) {
      const out: FieldError[] = [];
      root.report(value, "", out);
      return out.slice(0, most);
    },
    known: root.known,
  };
}

/** A member's name as a token of a JSON pointer. */
export function token(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function isNumber(value: Json): value is number | bigint | Float {
  return typeof value === "number" || typeof value === "bigint" || value instanceof Float;
}

function numeric(value: number | bigint | Float): number | bigint {
  return value instanceof Float ? value.value : value;
}

/** A double beyond 64 bits has no fraction, and how it was written nobody knows any more. */
function isInteger(value: Json): boolean {
  if (value instanceof Float) return Math.abs(value.value) >= 2 ** 63;
  return typeof value === "number" ? Number.isInteger(value) : typeof value === "bigint";
}

const TYPES: Readonly<Record<string, Accepts>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string",
  number: isNumber,
  integer: isInteger,
  array: (value) => Array.isArray(value),
  object: (value) => isObject(value),
};

/** Equality as JSON Schema has it: numbers by their value. */
export function equal(left: Json, right: Json): boolean {
  if (isNumber(left) && isNumber(right)) return numeric(left) == numeric(right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, n) => equal(item, right[n] as Json));
  }
  if (isObject(left) && isObject(right)) {
    const names = Object.keys(left);
    const same = (name: string): boolean =>
      Object.hasOwn(right, name) && equal(left[name] as Json, right[name] as Json);
    return names.length === Object.keys(right).length && names.every(same);
  }
  return left === right;
}

/** Characters, not UTF-16 units. */
export function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd800 && code <= 0xdbff) at++;
    count++;
  }
  return count;
}

class Compiler {
  private readonly references = new Map<string, Node>();

  constructor(private readonly whole: Json) {}

  root(): Node {
    return this.node(this.whole);
  }

  private node(schema: Json): Node {
    if (!isObject(schema)) throw new Error("a schema that is no object");
    const target = schema["$ref"];
    if (typeof target === "string") return this.reference(target);
    const checks: Node[] = [];
    for (const [keyword, value] of Object.entries(schema)) {
      if (IGNORED.has(keyword)) continue;
      const check = this.keyword(keyword, value, schema);
      if (check !== undefined) checks.push(check);
    }
    return all(checks, this.knownOf(schema));
  }

  private reference(target: string): Node {
    const found = this.references.get(target);
    if (found !== undefined) return found;
    const name = /^#\/definitions\/([^/~%]+)$/.exec(target)?.[1];
    const definitions = isObject(this.whole) ? this.whole["definitions"] : undefined;
    const schema = isObject(definitions) && name !== undefined ? definitions[name] : undefined;
    if (schema === undefined) throw new Error(`a reference that leads nowhere: ${target}`);
    // Entered before its schema is read, so that a definition may name itself.
    const node: Node = { accepts: () => false, report: () => undefined, known: plain };
    const lazy: Node = {
      accepts: (value) => node.accepts(value),
      report: (value, at, out) => node.report(value, at, out),
      known: (value) => node.known(value),
    };
    this.references.set(target, lazy);
    Object.assign(node, this.node(schema));
    this.references.set(target, node);
    return node;
  }

  private list(value: Json): Node[] {
    if (!Array.isArray(value)) throw new Error("not a list of schemas");
    return value.map((inner) => this.node(inner));
  }

  private named(value: Json | undefined): Map<string, Node> {
    const nodes = new Map<string, Node>();
    if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) nodes.set(name, this.node(inner));
    }
    return nodes;
  }

  private patterns(value: Json | undefined): [RegExp, Node][] {
    return [...this.named(value)].map(([source, node]) => [new RegExp(source, "u"), node]);
  }

  private keyword(keyword: string, value: Json, schema: JsonObject): Node | undefined {
    switch (keyword) {
      case "type":
        return this.type(value);
      case "enum": {
        if (!Array.isArray(value)) throw new Error("enum: not a list");
        if (value.every((word) => typeof word === "string")) {
          const words = new Set<Json>(value);
          return check(keyword, "is none of the words that the schema lists", (v) => words.has(v));
        }
        return check(keyword, "is none of the listed values", (v) => value.some((one) => equal(one, v)));
      }
      case "minimum":
      case "maximum":
        return bound(keyword, value, schema);
      case "exclusiveMinimum":
      case "exclusiveMaximum":
        return undefined;
      case "multipleOf": {
        const divisor = number(value);
        if (!Number.isInteger(divisor)) throw new Error("multipleOf: only of integers");
        const fits = (v: Json): boolean =>
          typeof v === "bigint" ? v % BigInt(divisor) === 0n : !isNumber(v) || Number(numeric(v)) % divisor === 0;
        return check(keyword, `is no multiple of ${divisor}`, fits);
      }
      case "minLength":
      case "maxLength":
      case "pattern":
        return this.text(keyword, schema);
      case "format": {
        const fits = FORMATS[String(value)];
        if (fits === undefined) throw new Error(`unknown format ${String(value)}`);
        return check(keyword, `is no ${String(value)}`, (v) => typeof v !== "string" || fits(v));
      }
      case "minItems": {
        const least = number(value);
        return check(keyword, `has fewer than ${least} items`, (v) => !Array.isArray(v) || v.length >= least);
      }
      case "maxItems": {
        const most = number(value);
        return check(keyword, `has more than ${most} items`, (v) => !Array.isArray(v) || v.length <= most);
      }
      case "uniqueItems":
        return value === true ? check(keyword, "has an item twice", (v) => !Array.isArray(v) || unique(v)) : undefined;
      case "items":
        return this.items(value, schema);
      case "additionalItems":
        return undefined;
      case "minProperties": {
        const least = number(value);
        return check(keyword, `has fewer than ${least} members`, (v) => !isObject(v) || Object.keys(v).length >= least);
      }
      case "maxProperties": {
        const most = number(value);
        return check(keyword, `has more than ${most} members`, (v) => !isObject(v) || Object.keys(v).length <= most);
      }
      case "required":
        return required(value);
      case "properties":
        return this.properties(schema);
      case "patternProperties":
      case "additionalProperties":
        return schema["properties"] === undefined && firstOf(schema) === keyword ? this.properties(schema) : undefined;
      case "dependencies":
        return this.dependencies(value);
      case "allOf":
        return all(this.list(value), plain);
      case "anyOf": {
        const nodes = this.list(value);
        return check(keyword, "fits none of the alternatives", (v) => nodes.some((node) => node.accepts(v)));
      }
      case "oneOf": {
        const nodes = this.list(value);
        const fits = (v: Json): boolean => nodes.filter((node) => node.accepts(v)).length === 1;
        return check(keyword, "fits not exactly one alternative", fits);
      }
      case "not": {
        const node = this.node(value);
        return check(keyword, "is what the schema excludes", (v) => !node.accepts(v));
      }
      default:
        throw new Error(`unknown keyword ${keyword}`);
    }
  }

  private type(value: Json): Node {
    const names = Array.isArray(value) ? value : [value];
    const checks = names.map((name) => TYPES[String(name)]);
    if (checks.some((one) => one === undefined)) throw new Error(`unknown type ${String(value)}`);
    const [first] = checks;
    const fits = checks.length === 1 && first !== undefined ? first : (v: Json) => checks.some((one) => one?.(v));
    return check("type", `is not of the type ${names.join(" or ")}`, fits as Accepts);
  }

  /** Length before pattern, so that a pattern never runs over an unbounded text. */
  private text(keyword: string, schema: JsonObject): Node {
    if (keyword === "minLength") {
      const least = number(schema[keyword]);
      return check(keyword, `has fewer than ${least} characters`, (v) => typeof v !== "string" || characters(v) >= least);
    }
    const most = schema["maxLength"] === undefined ? Infinity : number(schema["maxLength"]);
    // What has no more units has no more characters.
    const short = (v: string): boolean => v.length <= most || characters(v) <= most;
    if (keyword === "maxLength") {
      return check(keyword, `has more than ${most} characters`, (v) => typeof v !== "string" || short(v));
    }
    const pattern = new RegExp(String(schema[keyword]), "u");
    return check(keyword, "does not fit its pattern", (v) => typeof v !== "string" || !short(v) || pattern.test(v));
  }

  private items(value: Json, schema: JsonObject): Node {
    if (!Array.isArray(value)) {
      const node = this.node(value);
      return {
        accepts: (v) => !Array.isArray(v) || v.every(node.accepts),
        report: (v, at, out) => {
          if (Array.isArray(v)) v.forEach((item, n) => node.report(item, `${at}/${n}`, out));
        },
        known: plain,
      };
    }
    const nodes = value.map((inner) => this.node(inner));
    const rest = schema["additionalItems"];
    const others = isObject(rest) ? this.node(rest) : undefined;
    return {
      accepts: (v) =>
        !Array.isArray(v) ||
        ((rest !== false || v.length <= nodes.length) &&
          v.every((item, n) => (nodes[n] ?? others)?.accepts(item) ?? true)),
      report: (v, at, out) => {
        if (!Array.isArray(v)) return;
        if (rest === false && v.length > nodes.length) {
          out.push({ pointer: at, message: "has too many items", keyword: "additionalItems" });
        }
        v.forEach((item, n) => (nodes[n] ?? others)?.report(item, `${at}/${n}`, out));
      },
      known: plain,
    };
  }

  private properties(schema: JsonObject): Node {
    const named = this.named(schema["properties"]);
    const patterns = this.patterns(schema["patternProperties"]);
    const additional = schema["additionalProperties"];
    const closed = additional === false;
    const others = isObject(additional) ? this.node(additional) : undefined;
    const simple = patterns.length === 0;
    const matching = (name: string): Node[] => {
      const own = named.get(name);
      const nodes = own === undefined ? [] : [own];
      for (const [pattern, node] of patterns) if (pattern.test(name)) nodes.push(node);
      return nodes;
    };
    const accepts: Accepts = (value) => {
      if (!isObject(value)) return true;
      for (const name in value) {
        const member = value[name] as Json;
        const own = named.get(name);
        if (own !== undefined && !own.accepts(member)) return false;
        let known = own !== undefined;
        if (!simple) {
          for (const [pattern, node] of patterns) {
            if (!pattern.test(name)) continue;
            known = true;
            if (!node.accepts(member)) return false;
          }
        }
        if (!known && (closed || (others !== undefined && !others.accepts(member)))) return false;
      }
      return true;
    };
    const report: Report = (value, at, out) => {
      if (!isObject(value)) return;
      for (const [name, member] of Object.entries(value)) {
        const nodes = matching(name);
        if (nodes.length === 0 && closed) {
          const pointer = `${at}/${token(boundedText(name, 64))}`;
          out.push({ pointer, message: "is not a member of this type", keyword: "additionalProperties" });
        } else if (nodes.length === 0) {
          others?.report(member, `${at}/${token(name)}`, out);
        }
        for (const node of nodes) node.report(member, `${at}/${token(name)}`, out);
      }
    };
    return { accepts, report, known: plain };
  }

  private dependencies(value: Json): Node {
    const rules = Object.entries(isObject(value) ? value : {}).map(([name, rule]) => {
      const node = Array.isArray(rule) ? required(rule) : this.node(rule);
      return [name, node] as const;
    });
    const applies = (v: Json, name: string): boolean => isObject(v) && Object.hasOwn(v, name);
    return {
      accepts: (v) => rules.every(([name, node]) => !applies(v, name) || node.accepts(v)),
      report: (v, at, out) => {
        for (const [name, node] of rules) if (applies(v, name)) node.report(v, at, out);
      },
      known: plain,
    };
  }

  /** What of a value the schema names. */
  private knownOf(schema: JsonObject): Known {
    const items = schema["items"];
    if (isObject(items)) return knownItems(this.node(items));
    if (schema["properties"] === undefined && schema["patternProperties"] === undefined) return plain;
    return knownMembers(this.named(schema["properties"]), this.patterns(schema["patternProperties"]));
  }
}

function firstOf(schema: JsonObject): string | undefined {
  return Object.keys(schema).find((name) => name === "patternProperties" || name === "additionalProperties");
}

function number(value: Json | undefined): number {
  if (typeof value !== "number") throw new Error("a bound that is no number");
  return value;
}

function check(keyword: string, message: string, accepts: Accepts): Node {
  return {
    accepts,
    report: (value, at, out) => {
      if (!accepts(value)) out.push({ pointer: at, message, keyword });
    },
    known: plain,
  };
}

function all(nodes: Node[], known: Known): Node {
  const checks = nodes.map((node) => node.accepts);
  const [first, second] = checks;
  let accepts: Accepts = (value) => {
    for (const one of checks) if (!one(value)) return false;
    return true;
  };
  if (checks.length === 1 && first !== undefined) accepts = first;
  if (checks.length === 2 && first !== undefined && second !== undefined) {
    accepts = (value) => first(value) && second(value);
  }
  return {
    accepts,
    report: (value, at, out) => {
      for (const node of nodes) node.report(value, at, out);
    },
    known,
  };
}

function bound(keyword: "minimum" | "maximum", value: Json, schema: JsonObject): Node {
  if (!isNumber(value)) throw new Error(`${keyword}: no number`);
  const limit = numeric(value);
  const least = keyword === "minimum";
  const excluded = schema[least ? "exclusiveMinimum" : "exclusiveMaximum"] === true;
  const fits = (v: number | bigint): boolean => {
    if (excluded) return least ? v > limit : v < limit;
    return least ? v >= limit : v <= limit;
  };
  const side = least ? "less" : "more";
  return check(keyword, `is ${side} than the schema allows`, (v) => !isNumber(v) || fits(numeric(v)));
}

function required(value: Json): Node {
  const names = (Array.isArray(value) ? value : []).map(String);
  return {
    accepts: (v) => {
      if (!isObject(v)) return true;
      for (const name of names) if (!Object.hasOwn(v, name)) return false;
      return true;
    },
    report: (v, at, out) => {
      if (!isObject(v)) return;
      for (const name of names) {
        if (!Object.hasOwn(v, name)) {
          out.push({ pointer: `${at}/${token(name)}`, message: "is missing", keyword: "required" });
        }
      }
    },
    known: plain,
  };
}

function unique(items: Json[]): boolean {
  const simple = new Set<Json>();
  const others: Json[] = [];
  for (const item of items) {
    if (typeof item === "object" && item !== null) others.push(item);
    else if (simple.has(item)) return false;
    else simple.add(item);
  }
  // A number that was written as a float equals one that was not.
  return others.every((item, n) => {
    const earlier = others.slice(0, n).some((other) => equal(item, other));
    const again = item instanceof Float && (simple.has(item.value) || simple.has(BigInt(item.value)));
    return !earlier && !again;
  });
}
