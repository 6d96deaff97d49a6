/**
 * An event as a CloudEvents 1.0 message in JSON, and back, with the same bytes as the Rust library.
 *
 * Every member of the platform's layer and of a gateway's origin is an attribute of its own; what
 * no attribute can hold, as members that these bindings do not know, travels as one text of JSON in
 * the attribute `othermembers`. The attributes are the same for ever. The table is in
 * `docs/bindings.md`.
 */

import { token } from "./draft4.js";
import { source } from "./envelope.js";
import { members, write } from "./json.js";
import { boundedText } from "./text.js";
import { checked, MAX_EVENT_BYTES, parseEvent, refused, Rejected, typeOf } from "./validate.js";

/** The media type of what {@link toCloudEvent} gives (CloudEvents JSON format 1.0, section 3). */
export const CLOUD_EVENT_MEDIA_TYPE = "application/cloudevents+json";
/**
 * The longest CloudEvents message that {@link fromCloudEvent} takes, in bytes. What
 * {@link toCloudEvent} gives is always shorter.
 */
export const MAX_CLOUD_EVENT_BYTES = 256 * 1024;

/**
 * Every attribute of the mapping, in the order in which they are written. Names are lower-case
 * letters and digits, at most 20 (CloudEvents 1.0, "Naming Conventions").
 */
const ATTRIBUTES = [
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "schemaversion",
  "tenantid",
  "test",
  "siteid",
  "entryid",
  "endpointid",
  "correlationid",
  "causationid",
  "traceparent",
  "tracestate",
  "recordedat",
  "journalid",
  "sequence",
  "typesequence",
  "clockearliest",
  "clocklatest",
  "clocktrust",
  "othermembers",
  "data",
];

/** The two halves of `source` on their way. No attribute has a dot in its name. */
const NAME = "publisher.name";
const INSTANCE = "publisher.instance";

/**
 * The digits of a count: as many as 2^53 has. With zeros before it, the order of the texts is that
 * of the counts, as the extension "Sequence" asks for.
 */
const DIGITS = 16;

/**
 * How a member becomes an attribute: a String or Timestamp, a Boolean, a String of digits (an Integer
 * has 32 bits only), or the event's data.
 */
type Kind = "text" | "truth" | "count" | "data";

/** Where a member of an event goes; or where its own members go. */
type Place = { readonly kind: Kind; readonly attribute: string } | { readonly kind: "within"; readonly table: Table };
interface Table extends ReadonlyMap<string, Place> {}

const text = (attribute: string): Place => ({ kind: "text", attribute });
const count = (attribute: string): Place => ({ kind: "count", attribute });
const within = (places: Readonly<Record<string, Place>>): Place => ({
  kind: "within",
  table: new Map(Object.entries(places)),
});

/** The members of an event, in the order in which publishers write them. */
const EVENT: Table = new Map<string, Place>([
  ["id", text("id")],
  ["type", text("type")],
  ["schema_version", text("schemaversion")],
  ["time", text("time")],
  ["publisher", within({ name: text(NAME), instance: text(INSTANCE) })],
  ["tenant_id", text("tenantid")],
  ["test", { kind: "truth", attribute: "test" }],
  ["site_id", text("siteid")],
  ["entry_id", text("entryid")],
  ["endpoint_id", text("endpointid")],
  ["correlation_id", text("correlationid")],
  ["causation_id", text("causationid")],
  ["trace_context", within({ traceparent: text("traceparent"), tracestate: text("tracestate") })],
  ["data", { kind: "data", attribute: "data" }],
  [
    "gateway",
    within({
      recorded_at: text("recordedat"),
      journal_id: text("journalid"),
      sequence: count("sequence"),
      type_sequence: count("typesequence"),
      clock: within({ earliest: text("clockearliest"), latest: text("clocklatest"), trust: text("clocktrust") }),
    }),
  ],
]);

/** Members or attributes by name, each with its JSON text. */
type Texts = Map<string, string>;

/**
 * The event as a message in the structured mode of CloudEvents 1.0: a JSON object of the media type
 * {@link CLOUD_EVENT_MEDIA_TYPE}.
 *
 * The event is checked in the reader's form. `data` keeps its very text.
 *
 * @throws {Rejected} as too large also for an event whose unknown members would make it longer than
 * {@link MAX_EVENT_BYTES} on the way back, where each character beyond ASCII in them is an escape.
 */
export function toCloudEvent(event: Uint8Array | string): string {
  checked(event, "reader");
  const whole = textOf(event);
  const taken: Texts = new Map();
  const rest = split(members(whole, []), EVENT, taken);
  const half = (name: string): string => {
    const raw = taken.get(name);
    return raw === undefined ? "" : (JSON.parse(raw) as string);
  };
  taken.set("specversion", write("1.0"));
  taken.set("source", write(source({ name: half(NAME), instance: half(INSTANCE) })));
  taken.set("datacontenttype", write("application/json"));
  const subject = taken.get("entryid") ?? taken.get("endpointid");
  if (subject !== undefined) taken.set("subject", subject);
  if (rest.size > 0) {
    const carried = object(rest);
    const others = printable(carried);
    const back = Buffer.byteLength(whole) + others.length - Buffer.byteLength(carried);
    if (back > MAX_EVENT_BYTES) throw refused("too_large", `${back} bytes; at most ${MAX_EVENT_BYTES} are allowed`);
    taken.set("othermembers", write(others));
  }
  const cloudEvent: Texts = new Map();
  for (const attribute of ATTRIBUTES) {
    const raw = taken.get(attribute);
    if (raw !== undefined) cloudEvent.set(attribute, raw);
  }
  return object(cloudEvent);
}

/**
 * The event that a message of {@link toCloudEvent} was made of, as a text that may go to the bus.
 *
 * Publishers write events without blanks and in one order; of such an event it is the very text.
 * Attributes may come as `null` or, where they are Booleans, as a text, as after a hop in the binary
 * mode. The event is checked in the reader's form.
 *
 * @throws {Rejected} with a pointer into the message also for an attribute that is not of the
 * mapping, since no event has a place for it and dropping it would lose it; for one of a wrong
 * kind; for a `subject` that is not what the event says.
 */
export function fromCloudEvent(cloudEvent: Uint8Array | string): string {
  typeOf(parseEvent(cloudEvent, MAX_CLOUD_EVENT_BYTES));
  const given: Texts = new Map();
  for (const [attribute, raw] of members(textOf(cloudEvent), [])) {
    // Unset (JSON format, section 2.2); of data it is a value.
    if (raw === "null" && attribute !== "data") continue;
    if (!ATTRIBUTES.includes(attribute)) throw wrong(attribute, "is not an attribute of an event");
    given.set(attribute, raw);
  }
  const rest = unwrap(given);
  const event = object(join(EVENT, rest, given));
  checked(event, "reader");
  return event;
}

/** Of what was parsed already. */
function textOf(message: Uint8Array | string): string {
  if (typeof message === "string") return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString("utf8");
}

function object(parts: Texts): string {
  return `{${[...parts].map(([name, raw]) => `${write(name)}:${raw}`).join(",")}}`;
}

/** Takes what has an attribute out of an object, and gives what is left of it. */
function split(from: Texts, table: Table, taken: Texts): Texts {
  const rest: Texts = new Map();
  for (const [name, raw] of from) {
    const place = table.get(name);
    if (place?.kind === "within") {
      const before = taken.size;
      const left = raw.startsWith("{") ? object(split(members(raw, []), place.table, taken)) : raw;
      // An object that was empty before is not the same as none.
      if (left !== "{}" || taken.size === before) rest.set(name, left);
      continue;
    }
    const value = place === undefined ? undefined : attributeText(place.kind, raw);
    if (place === undefined || value === undefined) rest.set(name, raw);
    else taken.set(place.attribute, value);
  }
  return rest;
}

const PRINTABLE = /^[ -~]+$/;

/** The JSON text of a member's attribute; `undefined` if no attribute can hold it. */
function attributeText(kind: Kind, raw: string): string | undefined {
  switch (kind) {
    case "text": {
      const value = string(raw);
      return value !== undefined && PRINTABLE.test(value) ? write(value) : undefined;
    }
    case "truth":
      return raw === "true" || raw === "false" ? raw : undefined;
    case "count":
      return /^[0-9]{1,16}$/.test(raw) ? write(raw.padStart(DIGITS, "0")) : undefined;
    case "data":
      return raw;
  }
}

/** The text of the member that an attribute is of, on the way back. */
function memberText(kind: Kind, attribute: string, raw: string): string {
  switch (kind) {
    case "text": {
      const value = string(raw);
      if (value === undefined) throw wrong(attribute, "is not a text");
      return write(value);
    }
    case "truth": {
      const word = /^"?(true|false)"?$/.exec(raw)?.[1];
      if (word === undefined) throw wrong(attribute, "is neither true nor false");
      return word;
    }
    case "count": {
      const digits = string(raw) ?? "";
      if (!/^[0-9]{16}$/.test(digits)) throw wrong(attribute, "is not a text of 16 digits");
      return digits.replace(/^0{1,15}/, "");
    }
    case "data":
      return raw;
  }
}

/** The text that a JSON string is. */
function string(raw: string): string | undefined {
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : undefined;
}

/**
 * The same JSON in printable ASCII: a String of CloudEvents holds no control characters and no
 * noncharacters ("Type System"). Beyond ASCII there are only texts; a control character is a blank
 * between tokens, and only the last one of ASCII may stand in a text.
 */
function printable(json: string): string {
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/[\u0000-\u001f]/g, " ").replace(/[\u007f-\uffff]/g, escape);
}

function wrong(attribute: string, message: string): Rejected {
  return refused("invalid", message, `/${token(boundedText(attribute, 64))}`);
}

/**
 * Takes out the attributes that no member stands for by itself: checks them, puts the halves of
 * `source` in their place, and gives the members that were carried.
 */
function unwrap(given: Texts): Texts {
  const take = (attribute: string): string | null | undefined => {
    const raw = given.get(attribute);
    given.delete(attribute);
    return raw === undefined ? undefined : (string(raw) ?? null);
  };
  if (take("specversion") !== "1.0") throw wrong("specversion", "is not 1.0");
  const content = take("datacontenttype");
  if (content === null || (content !== undefined && !isJson(content))) {
    throw wrong("datacontenttype", "is not application/json");
  }
  const [from, subject, others] = [take("source"), take("subject"), take("othermembers")];
  if (from !== undefined) {
    const at = from === null ? -1 : from.indexOf("/");
    if (from === null || at < 0) throw wrong("source", "is not NAME/INSTANCE");
    given.set(NAME, write(from.slice(0, at)));
    given.set(INSTANCE, write(from.slice(at + 1)));
  }
  const about = given.get("entryid") ?? given.get("endpointid");
  const expected = about === undefined ? undefined : string(about);
  if (subject !== undefined && subject !== expected) throw wrong("subject", "is not what the event is about");
  if (others === undefined) return new Map();
  try {
    parseEvent(others ?? "");
    return members(others ?? "", []);
  } catch {
    throw wrong("othermembers", "is not an object of JSON");
  }
}

/** Whether it is the media type of JSON; parameters, as in `charset=utf-8`, say nothing more. */
function isJson(content: string): boolean {
  return /^[ \t]*application\/json[ \t]*(?:;|$)/i.test(content);
}

/** Puts the attributes' members and those that were carried together. */
function join(table: Table, rest: Texts, given: Texts): Texts {
  const joined: Texts = new Map();
  for (const [name, place] of table) {
    let carried = rest.get(name);
    rest.delete(name);
    let member: string | undefined;
    if (place.kind === "within") {
      const open = carried?.startsWith("{") ?? false;
      const inner = join(place.table, open ? members(carried ?? "", []) : new Map(), given);
      if (open) carried = undefined;
      if (open || inner.size > 0) member = object(inner);
    } else {
      const raw = given.get(place.attribute);
      if (raw !== undefined) member = memberText(place.kind, place.attribute, raw);
    }
    if (member !== undefined && carried !== undefined) {
      throw wrong("othermembers", "holds what an attribute says too");
    }
    const raw = member ?? carried;
    if (raw !== undefined) joined.set(name, raw);
  }
  for (const [name, raw] of rest) joined.set(name, raw);
  return joined;
}
