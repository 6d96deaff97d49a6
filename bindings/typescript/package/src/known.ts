/**
 * What of a value is kept for readers: the members that its schema names, with plain numbers.
 *
 * Beside the validator, since it decides nothing: a member that no schema names is valid to a
 * reader, and still none that a program should come to rely on.
 */

import { Float, isObject, type Json, type JsonObject } from "./json.js";

/** A value as its readers get it. */
export type Known = (value: Json) => Json;

/** What a schema keeps of its values. */
interface Keeps {
  readonly known: Known;
}

/** How a member stands in an object. */
const own = { configurable: true, enumerable: true, writable: true };

/** The value with plain numbers. */
export function plain(value: Json): Json {
  if (value instanceof Float) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  }
  return value;
}

/** Of a list, what the schema of its items keeps of each. */
export function knownItems(item: Keeps): Known {
  return (value) => (Array.isArray(value) ? value.map(item.known) : plain(value));
}

/** Of an object, the members that have a name or fit a pattern. */
export function knownMembers(
  named: ReadonlyMap<string, Keeps>,
  patterns: readonly (readonly [RegExp, Keeps])[],
): Known {
  return (value) => {
    if (!isObject(value)) return plain(value);
    const kept: JsonObject = {};
    for (const [name, member] of Object.entries(value)) {
      const node = named.get(name) ?? patterns.find(([pattern]) => pattern.test(name))?.[1];
      if (node === undefined) continue;
      // This one name would be taken for the prototype.
      if (name === "__proto__") Object.defineProperty(kept, name, { ...own, value: node.known(member) });
      else kept[name] = node.known(member);
    }
    return kept;
  };
}
