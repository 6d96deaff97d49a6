/** What a consumer does with an event: validate it in the reader's form, then give it types. */

import type { EventType } from "./contract.js";
import type { Envelope } from "./envelope.js";
import { isInstant } from "./formats.js";
import { checked, refused } from "./validate.js";

/** Where an event stands in a gateway's journal. */
export interface GatewayOrigin {
  readonly recorded_at: string;
  readonly journal_id: string;
  readonly sequence: number;
  readonly type_sequence: number;
  /** Without `latest` nothing is promised. */
  readonly clock?: { readonly earliest: string; readonly latest?: string; readonly trust: string };
}

/** An event of a known type, as received. */
export interface Received<N extends string = string, R = unknown> {
  readonly type: N;
  readonly envelope: Envelope;
  /** The version that its writer had. */
  readonly schemaVersion: string;
  /** Present on every gateway's event. */
  readonly origin?: GatewayOrigin;
  readonly data: R;
}

/**
 * Reads one event of this type in the reader's form: unknown members are skipped, unknown words
 * of open enumerations kept.
 *
 * @throws {Rejected}
 */
export function read<N extends string, R>(type: EventType<N, unknown, R>, event: Uint8Array | string): Received<N, R> {
  const received = readAny(event, type.name);
  return received as Received<N, R>;
}

/** The same for whatever type it is. */
export function readAny(event: Uint8Array | string, expected?: string): Received {
  const [type, value, validator] = checked(event, "reader", expected);
  const known = validator.known(value) as unknown as Envelope & Wire;
  const { type: _, schema_version, gateway, data, ...envelope } = known;
  const instants = [envelope.time, gateway?.recorded_at, gateway?.clock?.earliest, gateway?.clock?.latest];
  if (instants.some((instant) => instant !== undefined && !isInstant(instant))) {
    throw refused("invalid", "does not fit its type");
  }
  const origin = gateway === undefined ? {} : { origin: gateway };
  return { type: type.name, envelope: envelope as Envelope, schemaVersion: schema_version, ...origin, data };
}

interface Wire {
  type: string;
  schema_version: string;
  gateway?: GatewayOrigin;
  data: unknown;
}
