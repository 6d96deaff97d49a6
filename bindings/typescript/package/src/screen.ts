/** Everything that is decided of a delivery before a handler is asked, in the Rust library's order. */

import type { EventType, RegisteredPublisher } from "./contract.js";
import { contract } from "./generated/contract.js";
import { type Json, members, parse } from "./json.js";
import { MAX_EVENT_BYTES } from "./validate.js";

/** The longest delivery, in bytes: an event, and what the bus writes around it. */
export const MAX_DELIVERY_BYTES = 256 * 1024;
const MAX_TEXT = 256;

/** Why an event is not handed to a handler. */
export type Why =
  | "not_json"
  | "not_a_delivery"
  | "not_an_event"
  | "too_large"
  | "too_deep"
  | "wrong_type"
  | "wrong_source"
  | "wrong_account"
  | "wrong_tenant"
  | "unregistered"
  | "unknown_type"
  | "unhandled_type"
  | "newer_minor"
  | "other_major"
  | "refused_by_schema"
  | "refused_by_handler"
  | "test";

/** What becomes of events that a handler cannot simply be given. There is no default. */
export interface Policies {
  /** A type that these bindings do not know. */
  readonly unknownType: "ignore" | "again" | "dead_letter";
  /** A known type without a handler. */
  readonly unhandledType: "ignore" | "again" | "dead_letter";
  /** The writer's schema has the same major version and a newer minor one. */
  readonly newerMinor: "accept" | "again" | "dead_letter";
  /** The writer's schema has another major version. */
  readonly otherMajor: "again" | "dead_letter";
  /** The publisher is not registered for the type. */
  readonly unregistered: "again" | "dead_letter";
  /** Whether the delivery's account must be one of its publisher's. */
  readonly accounts: "check" | "trust";
  /** Events that are marked as a test. */
  readonly tests: "handle" | "skip";
}

/** Nothing passes unseen: for whoever acts on events. */
export const STRICT: Policies = {
  unknownType: "dead_letter",
  unhandledType: "dead_letter",
  newerMinor: "dead_letter",
  otherMajor: "dead_letter",
  unregistered: "dead_letter",
  accounts: "check",
  tests: "skip",
};

/** Publishers may go ahead: for whoever only reads. */
export const TOLERANT: Policies = {
  unknownType: "ignore",
  unhandledType: "ignore",
  newerMinor: "accept",
  otherMajor: "dead_letter",
  unregistered: "dead_letter",
  accounts: "trust",
  tests: "skip",
};

/** What is decided without a handler. */
export interface Turned {
  readonly turned: "ignore" | "again" | "dead_letter";
  readonly why: Why;
  readonly pointer?: string;
}

/** A delivery that may be looked into further. */
export interface Screened {
  readonly eventType: EventType;
  readonly source: string;
  readonly account?: string;
  readonly replay?: string;
  /** The event's very text. */
  readonly detail: string;
}

/** What the screening needs to know of the subscriber. */
export interface Known {
  readonly policies: Policies;
  /** The platform's own accounts, where they are known. */
  readonly platformAccounts?: readonly string[];
  handles(eventType: string): boolean;
}

interface Delivery {
  source: string;
  detailType: string;
  account: string | undefined;
  replay: string | undefined;
  detail: string;
}

interface Head {
  eventType: string;
  version: string | undefined;
  name: string;
  source: string;
}

/** Looks at the size, the form, who sent it, its type and its version, in this order. */
export function screen(body: string, known: Known): Screened | Turned {
  const { policies } = known;
  const delivery = parseDelivery(body);
  if ("turned" in delivery) return delivery;
  const head = parseHead(delivery.detail);
  if ("turned" in head) return head;
  if (head.eventType !== delivery.detailType) return dead("wrong_type", "/type");
  if (head.source !== delivery.source) return dead("wrong_source", "/publisher");
  const registered = contract.publisher(head.name);
  if (policies.accounts === "check" && registered !== undefined) {
    if (!mayComeFrom(registered, delivery.account, known.platformAccounts)) return dead("wrong_account");
  }
  const eventType = contract.type(head.eventType);
  if (eventType === undefined) return { turned: policies.unknownType, why: "unknown_type", pointer: "/type" };
  if (!known.handles(eventType.name)) {
    return { turned: policies.unhandledType, why: "unhandled_type", pointer: "/type" };
  }
  if (registered === undefined || !registered.publishes.includes(eventType.name)) {
    return { turned: policies.unregistered, why: "unregistered", pointer: "/publisher/name" };
  }
  const other = otherVersion(head.version, eventType.version);
  if (other === "other_major") return { turned: policies.otherMajor, why: other, pointer: "/schema_version" };
  if (other !== undefined && policies.newerMinor !== "accept") {
    return { turned: policies.newerMinor, why: other, pointer: "/schema_version" };
  }
  const account = delivery.account === undefined ? {} : { account: delivery.account };
  const replay = delivery.replay === undefined ? {} : { replay: delivery.replay };
  return { eventType, source: head.source, detail: delivery.detail, ...account, ...replay };
}

/** A reason to put a delivery aside. */
export function dead(why: Why, pointer?: string): Turned {
  return { turned: "dead_letter", why, ...(pointer === undefined ? {} : { pointer }) };
}

function parseDelivery(body: string): Delivery | Turned {
  if (Buffer.byteLength(body) > MAX_DELIVERY_BYTES) return dead("too_large");
  let parts: Map<string, string>;
  try {
    parse(body);
  } catch {
    return dead("not_json");
  }
  try {
    parts = members(body, ["source", "detail-type", "account", "replay-name", "detail"]);
  } catch {
    return dead("not_a_delivery");
  }
  const text = (name: string): string | undefined | null => {
    const raw = parts.get(name);
    const value = raw === undefined ? null : parse(raw);
    if (value === null) return null;
    return typeof value === "string" && value !== "" && Buffer.byteLength(value) <= MAX_TEXT ? value : undefined;
  };
  const [source, detailType] = [text("source"), text("detail-type")];
  const [account, replay] = [text("account"), text("replay-name")];
  const detail = parts.get("detail");
  if (!source || !detailType || account === undefined || replay === undefined || detail === undefined) {
    return dead("not_a_delivery");
  }
  return { source, detailType, account: account ?? undefined, replay: replay ?? undefined, detail };
}

function parseHead(detail: string): Head | Turned {
  if (Buffer.byteLength(detail) > MAX_EVENT_BYTES) return dead("too_large");
  const parts = top(detail, ["id", "type", "schema_version", "publisher", "gateway"]);
  if (parts === undefined) return dead("not_an_event");
  const value = (of: Map<string, string>, name: string): Json | undefined => {
    const raw = of.get(name);
    return raw === undefined ? undefined : parse(raw);
  };
  const eventType = value(parts, "type");
  if (typeof eventType !== "string") return dead("not_an_event", "/type");
  const publisher = top(parts.get("publisher") ?? "", ["name", "instance"]) ?? new Map<string, string>();
  const [name, instance] = [value(publisher, "name"), value(publisher, "instance")];
  if (typeof name !== "string" || typeof instance !== "string") return dead("not_an_event", "/publisher");
  const version = value(parts, "schema_version");
  const versioned = typeof version === "string" ? version : undefined;
  return { eventType, version: versioned, name, source: `${name}/${instance}` };
}

function top(text: string, once: readonly string[]): Map<string, string> | undefined {
  try {
    return members(text, once);
  } catch {
    return undefined;
  }
}

/**
 * Whether it may be this publisher's, from this account. Where the platform's accounts are not
 * known, neither what has no account nor who has none listed can be judged.
 */
function mayComeFrom(
  publisher: RegisteredPublisher,
  account: string | undefined,
  platform: readonly string[] | undefined,
): boolean {
  if (account === undefined) return platform === undefined;
  if (publisher.accounts.length === 0) return platform === undefined || platform.includes(account);
  return publisher.accounts.includes(account);
}

/** A version that cannot be read is the schema's to refuse. */
function otherVersion(theirs: string | undefined, ours: string): "other_major" | "newer_minor" | undefined {
  const numbers = (version: string | undefined): [number, number] | undefined => {
    const found = /^([0-9]{1,9})\.([0-9]{1,9})$/.exec(version ?? "");
    return found === null ? undefined : [Number(found[1]), Number(found[2])];
  };
  const [they, we] = [numbers(theirs), numbers(ours)];
  if (they === undefined || we === undefined) return undefined;
  if (they[0] !== we[0]) return "other_major";
  return they[1] > we[1] ? "newer_minor" : undefined;
}
