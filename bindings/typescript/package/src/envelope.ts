/** The platform's layer of an event, and the one way to make an event that may leave. */

import type { EventType } from "./contract.js";
import { contract } from "./generated/contract.js";
import { parse, write } from "./json.js";
import { check, MAX_EVENT_BYTES, refused } from "./validate.js";
import { uuid7 } from "./uuid.js";

/** Who publishes. On the bus, `Source` is `name/instance`. */
export interface PublisherId {
  /** The registered name. */
  readonly name: string;
  /** Which of its instances, at most 64 characters. */
  readonly instance: string;
}

/** W3C trace context. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** Everything about an event except its type and data. */
export interface Envelope {
  /** UUID version 7: consumers deduplicate by it. */
  readonly id: string;
  /** When it happened: RFC 3339 in UTC. */
  readonly time: string;
  readonly publisher: PublisherId;
  /** Whose building. */
  readonly tenant_id: string;
  /** Not to be acted upon outside a test. */
  readonly test: boolean;
  readonly site_id?: string;
  readonly entry_id?: string;
  readonly endpoint_id?: string;
  readonly correlation_id?: string;
  readonly causation_id?: string;
  readonly trace_context?: TraceContext;
}

/** What a caller may say of an envelope; the rest is made. */
export type EnvelopeParts = Partial<Omit<Envelope, "publisher" | "tenant_id">>;

/** An envelope of something that happens now, with a new id. Reads the clock. */
export function envelope(publisher: PublisherId, tenantId: string, parts: EnvelopeParts = {}): Envelope {
  const time = new Date().toISOString();
  return { id: uuid7(), time, publisher, tenant_id: tenantId, test: false, ...parts };
}

/** The members by which an event follows from a received one: its act and its trace go on. */
export function causedBy(cause: Envelope): EnvelopeParts {
  const { id, correlation_id, trace_context } = cause;
  const trace = trace_context === undefined ? {} : { trace_context };
  return { correlation_id: correlation_id ?? id, causation_id: id, ...trace };
}

/** The bus's `Source` of a publisher. */
export function source(publisher: PublisherId): string {
  return `${publisher.name}/${publisher.instance}`;
}

/** A valid event, ready to leave. Only {@link seal} makes one. */
export interface Draft {
  readonly id: string;
  readonly eventType: string;
  readonly source: string;
  /** The exact text of the event. */
  readonly detail: string;
  /** The event's trace as an X-Ray header. */
  readonly traceHeader?: string;
}

/** What the Rust library leaves room for in every event: a gateway's origin. */
const ROOM_FOR_ORIGIN = 512;

/**
 * Composes an event and validates it once against the writer's form.
 *
 * @throws {Rejected} for a type that is not this publisher's, whatever the schema refuses, numbers
 * that JSON cannot hold, and events that are too long. Types that only gateways publish cannot be
 * made here: they need a gateway's origin.
 */
export function seal<N extends string, W>(type: EventType<N, W>, parts: Envelope, data: NoInfer<W>): Draft {
  const registered = contract.publisher(parts.publisher.name);
  if (registered === undefined || !registered.publishes.includes(type.name)) {
    const message = "is not registered in schemas/publishers.json for this type";
    throw refused("invalid", message, "/publisher/name");
  }
  const validator = contract.validator(type, "writer");
  if (validator === undefined || type.direction === "from_gateway") {
    throw refused("unknown_type", "these bindings were not made to publish this type", "/type");
  }
  const { id, time, publisher, tenant_id, test, ...places } = parts;
  const event = {
    id,
    type: type.name,
    schema_version: type.version,
    time,
    publisher: { name: publisher.name, instance: publisher.instance },
    tenant_id,
    test,
    ...ordered(places),
    data,
  };
  let detail: string;
  try {
    detail = write(event);
  } catch (error) {
    throw refused("invalid", `data: ${error instanceof Error ? error.message : "not JSON"}`);
  }
  check(validator, type.name, parse(detail));
  const longest = MAX_EVENT_BYTES - ROOM_FOR_ORIGIN;
  const bytes = Buffer.byteLength(detail);
  if (bytes > longest) throw refused("invalid", `${bytes} bytes; at most ${longest} are allowed`);
  const header = parts.trace_context === undefined ? undefined : xrayHeader(parts.trace_context);
  const trace = header === undefined ? {} : { traceHeader: header };
  return { id, eventType: type.name, source: source(publisher), detail, ...trace };
}

/** In the order in which the Rust library writes them. */
function ordered(places: Omit<Envelope, "id" | "time" | "publisher" | "tenant_id" | "test">): object {
  const { site_id, entry_id, endpoint_id, correlation_id, causation_id, trace_context, ...others } = places;
  return { site_id, entry_id, endpoint_id, correlation_id, causation_id, trace_context, ...others };
}

/** A W3C trace context as an AWS X-Ray header; `undefined` if it is malformed. */
export function xrayHeader(context: TraceContext): string | undefined {
  const form = /^[^-]*-([0-9a-fA-F]{8})([0-9a-fA-F]{24})-([0-9a-fA-F]{16})-([0-9a-fA-F]{1,2})(?:-|$)/;
  const found = form.exec(context.traceparent);
  if (found === null) return undefined;
  const sampled = parseInt(found[4] ?? "0", 16) & 1;
  return `Root=1-${found[1]}-${found[2]};Parent=${found[3]};Sampled=${sampled}`;
}
