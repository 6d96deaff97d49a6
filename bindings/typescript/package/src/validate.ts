/**
 * The one validation: whole events against their composed schemas, with errors that name the
 * field and never show its value.
 */

import type { EventType, Form } from "./contract.js";
import type { FieldError, Validator } from "./draft4.js";
import { contract } from "./generated/contract.js";
import { type Json, type JsonObject, NotJson, parse, scan } from "./json.js";

/** The longest event, in bytes. */
export const MAX_EVENT_BYTES = 64 * 1024;
/** The deepest nesting of objects and arrays in an event. */
export const MAX_DEPTH = 16;
/** The errors that are reported of one event. */
const MAX_ERRORS = 8;

/** Why bytes are no event. */
export type RejectedCode =
  | "too_large"
  | "too_deep"
  | "malformed"
  | "no_type"
  | "unknown_type"
  | "other_type"
  | "invalid";

/** Bytes that are no event, with the fields that are wrong: at least one, at most eight. */
export class Rejected extends Error {
  constructor(
    readonly code: RejectedCode,
    readonly errors: readonly FieldError[],
    readonly eventType?: string,
  ) {
    const where = (error: FieldError): string =>
      error.pointer === "" ? error.message : `${error.pointer}: ${error.message}`;
    super(`${eventType === undefined ? "" : `${eventType} is invalid: `}${errors.map(where).join("; ")}`);
    this.name = "Rejected";
  }

  /** Where the event is wrong: JSON pointers, each once. Empty text: the event as a whole. */
  pointers(): string[] {
    return [...new Set(this.errors.map((error) => error.pointer))];
  }
}

/** A refusal of the whole, or of one field. */
export function refused(code: RejectedCode, message: string, pointer = ""): Rejected {
  return new Rejected(code, [{ pointer, message, keyword: "" }]);
}

/**
 * Checks a whole event: size, depth, known type, schema.
 *
 * @throws {Rejected}
 */
export function validate(event: Uint8Array | string, form: Form): EventType {
  const [type] = checked(event, form);
  return type;
}

/** The event's type, its parsed text and the validator that accepted it. */
export function checked(
  event: Uint8Array | string,
  form: Form,
  expected?: string,
): [EventType, JsonObject, Validator] {
  const value = parseEvent(event);
  const type = typeOf(value);
  if (expected !== undefined && type.name !== expected) {
    throw refused("other_type", `${type.name}, expected ${expected}`, "/type");
  }
  const validator = contract.validator(type, form);
  if (validator === undefined) throw refused("unknown_type", "unknown event type", "/type");
  check(validator, type.name, value);
  return [type, value as JsonObject, validator];
}

/** @throws {Rejected} with the code `invalid` */
export function check(validator: Validator, eventType: string, value: Json): void {
  if (validator.accepts(value)) return;
  const errors = validator.errors(value, MAX_ERRORS);
  const whole = { pointer: "", message: "refused without a reason", keyword: "" };
  throw new Rejected("invalid", errors.length > 0 ? errors : [whole], eventType);
}

/** The parsed event, or what is made of one, within the bounds of size and depth. */
export function parseEvent(event: Uint8Array | string, most: number = MAX_EVENT_BYTES): Json {
  const bytes = typeof event === "string" ? Buffer.byteLength(event) : event.length;
  if (bytes > most) throw refused("too_large", `${bytes} bytes; at most ${most} are allowed`);
  let text: string;
  if (typeof event === "string") {
    text = event;
    if (HALF_PAIR.test(text)) throw refused("malformed", "not JSON");
  } else {
    text = Buffer.from(event.buffer, event.byteOffset, event.byteLength).toString("utf8");
    // What is no UTF-8 was replaced, and is another text then.
    if (text.includes("\ufffd") && !sound(event)) {
      throw scan(text).depth > MAX_DEPTH ? tooDeep() : refused("malformed", "not JSON");
    }
  }
  const scanned = scan(text);
  if (scanned.depth > MAX_DEPTH) throw tooDeep();
  try {
    return parse(text, "last", scanned);
  } catch (error) {
    if (error instanceof NotJson) throw refused("malformed", "not JSON");
    throw error;
  }
}

const HALF_PAIR = /\p{Cs}/u;

function tooDeep(): Rejected {
  return refused("too_deep", `nested deeper than ${MAX_DEPTH} levels`);
}

function sound(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The type that an event names. */
export function typeOf(event: Json): EventType {
  const isObject = typeof event === "object" && event !== null && !Array.isArray(event);
  const name = isObject ? (event as JsonObject)["type"] : undefined;
  if (typeof name !== "string") throw refused("no_type", "not a text", "/type");
  const type = contract.type(name);
  if (type === undefined) throw refused("unknown_type", "unknown event type", "/type");
  return type;
}
