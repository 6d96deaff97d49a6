/**
 * The receiving side of a statement: rows 1 and 2 of the access decision, and the journal of a
 * grant. Gateways are written in Rust; this is for services that check what they or others issued.
 */

import type { EventType } from "../contract.js";
import { contract } from "../generated/contract.js";
import { isInstant } from "../formats.js";
import type { Json, JsonObject } from "../json.js";
import { equal, type Validator } from "../draft4.js";
import type { Received } from "../read.js";
import type { Scope, TrustedKey } from "./issuers.js";
import { copied, knows, MAX_REQUEST_LIFETIME_S, MAX_VALIDITY_S, nanoseconds } from "./issuer.js";
import { BadJws, type Kind, parse } from "./jws.js";

/** Who is spoken to: what it knows of itself, never from an event. */
export interface Audience {
  readonly gateway: string;
  readonly tenantId: string;
  readonly siteId?: string;
  /** Without it, the journal of a grant is not compared. */
  readonly journalId?: string;
}

/** The published reason of a denial. */
export type Reason =
  | "malformed_request"
  | "unsupported_restriction"
  | "unauthenticated_source"
  | "invalid_signature"
  | "issuer_not_authorized"
  | "wrong_audience"
  | "ledger_lost";

/** A statement that is not believed. */
export class Denial extends Error {
  constructor(
    readonly reason: Reason,
    message: string,
  ) {
    super(message);
    this.name = "Denial";
  }
}

/** A statement of a trusted issuer to this audience. Only {@link verify} makes one. */
export interface Verified {
  readonly statement: JsonObject;
  readonly kid: string;
  /** When the key's time ends. */
  readonly believedUntil: string;
  readonly signed: string;
  /** The grant that a request brought along, verified like one that came alone. */
  readonly grant?: Verified;
}

const KINDS: Readonly<Record<string, readonly [Kind, Scope]>> = {
  GrantStatement: ["grant", "grant"],
  RequestStatement: ["request", "request"],
  RevocationStatement: ["revocation", "grant"],
  TimeStatement: ["time", "time"],
  VendorStatement: ["vendor", "vendor"],
};
const INSTANTS = ["issued_at", "not_before", "not_after", "expires_at"];

interface Opened {
  type: EventType;
  statement: JsonObject;
  kid: string;
  signed: string;
  signingInput: string;
  signature: Uint8Array;
}

/**
 * Verifies what a received event says. `now`: the latest that it may be.
 *
 * Not judged here: deadlines, the window of a grant, requests seen before, what the grant allows.
 *
 * @throws {Denial}
 */
export function verify(
  received: Received,
  keys: ReadonlyMap<string, TrustedKey>,
  audience: Audience,
  now: Date,
): Verified {
  const type = contract.type(received.type);
  const data = received.data as JsonObject;
  if (type === undefined || typeof data["signed"] !== "string") throw malformed("/data/signed: is missing");
  const request = open(type, data["signed"]);
  const said = request.statement;
  const differs =
    copied(type).find((name) => !same(data[name], said[name])) ?? differentPlace(received, said);
  if (differs !== undefined) throw malformed(`${differs}: differs from the signed statement`);
  let inner: Opened | undefined;
  if (typeof said["grant"] === "string") {
    const grantType = contract.type("grant.issued");
    if (grantType === undefined) throw malformed("/grant: these bindings were made without grants");
    inner = open(grantType, said["grant"]);
    const goes = (member: string): boolean => same(said[member], inner?.statement[member]);
    if (!["grant_id", "tenant_id", "gateway", "entry_id", "subject_ref"].every(goes)) {
      throw malformed("/grant: is not the grant that the request is for");
    }
  }
  const verified = authenticate(request, keys, audience, now);
  const grant = inner === undefined ? undefined : authenticate(inner, keys, audience, now);
  if (grant !== undefined && !same(said["issuer"], grant.statement["issuer"])) {
    throw new Denial("issuer_not_authorized", "/grant: is another issuer's than the request");
  }
  const journals = [said["journal_id"], grant?.statement["journal_id"]].filter((id) => id !== undefined);
  if (audience.journalId !== undefined && journals.some((id) => id !== audience.journalId)) {
    throw new Denial("ledger_lost", "/journal_id: the grant was issued against another journal");
  }
  return grant === undefined ? verified : { ...verified, grant };
}

function open(type: EventType, signed: string): Opened {
  const kind = KINDS[type.statement ?? ""]?.[0];
  const validator = contract.statement(type.statement ?? "");
  if (kind === undefined || validator === undefined) throw malformed("not a type with such a statement");
  let parsed;
  try {
    parsed = parse(signed, kind);
  } catch (error) {
    if (!(error instanceof BadJws)) throw error;
    throw new Denial(error.fault === "algorithm" ? "invalid_signature" : "malformed_request", error.message);
  }
  const { payload } = parsed;
  const statement = payload as JsonObject;
  if (typeof payload !== "object" || payload === null || statement["type"] !== type.name) {
    throw malformed("/type: is another type than the event's");
  }
  if (!validator.accepts(payload)) throw refusedBy(validator, payload);
  if (!knows(type.version, String(statement["schema_version"]))) {
    throw new Denial("unsupported_restriction", "/schema_version: is not known to these bindings");
  }
  const present = INSTANTS.filter((name) => statement[name] !== undefined);
  if (!present.every((name) => isInstant(String(statement[name])))) {
    throw malformed("an instant of the statement does not exist");
  }
  const length = lifetime(type, statement)?.length;
  if (length !== undefined && length <= 0n) throw malformed("the end is not after the beginning");
  const { kid, signingInput, signature } = parsed;
  return { type, statement, kid, signed, signingInput, signature };
}

/** What only goes beyond these bindings is told from what is wrong. */
function refusedBy(validator: Validator, payload: Json): Denial {
  const errors = validator.errors(payload, Infinity);
  const unknown = errors.every(({ keyword, pointer }) => {
    return keyword === "additionalProperties" || (keyword === "enum" && typeof at(payload, pointer) === "string");
  });
  const text = errors.slice(0, 8).map(({ pointer, message }) => `${pointer}: ${message}`);
  return new Denial(unknown ? "unsupported_restriction" : "malformed_request", text.join("; "));
}

function at(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    here = typeof here === "object" && here !== null ? (here as JsonObject)[name] : undefined;
  }
  return here;
}

function authenticate(
  opened: Opened,
  keys: ReadonlyMap<string, TrustedKey>,
  audience: Audience,
  now: Date,
): Verified {
  const { type, statement, kid, signed, signingInput, signature } = opened;
  const key = keys.get(kid);
  if (key === undefined) throw new Denial("unauthenticated_source", "the key that signed it is not trusted here");
  if (!key.publicKey.verifies(Buffer.from(signingInput), signature)) {
    throw new Denial("invalid_signature", "the signature does not verify");
  }
  const scope = KINDS[type.statement ?? ""]?.[1];
  const { issuer, tenant_id, site_id, gateway } = statement;
  const covers = (site: Json | undefined): boolean => key.sites.length === 0 || key.sites.some((one) => one === site);
  const span = lifetime(type, statement);
  const longest = span?.boundByKey ? Math.min(span.longestS, key.longestValidityS) : span?.longestS;
  const denied = (
    [
      [BigInt(now.getTime()) * 1_000_000n > nanoseconds(key.notAfter), "the key's time is over"],
      [issuer !== key.issuer, "/issuer: is not whose key it is"],
      [scope === undefined || !key.may.includes(scope), "/type: the key may not sign this"],
      [!key.tenants.some((one) => one === tenant_id) || !covers(site_id), "the key may not speak of this place"],
      [!covers(audience.siteId), "the key may not speak to a gateway at this site"],
      [span !== undefined && span.length > BigInt(longest ?? 0) * 1_000_000_000n, "it would count for too long"],
    ] as const
  ).find(([wrong]) => wrong);
  if (denied !== undefined) throw new Denial("issuer_not_authorized", denied[1]);
  const elsewhere =
    gateway !== audience.gateway ||
    tenant_id !== audience.tenantId ||
    (site_id !== undefined && site_id !== audience.siteId);
  if (elsewhere) throw new Denial("wrong_audience", "/gateway, /tenant_id, /site_id: is for somebody else");
  return { statement, kid, believedUntil: key.notAfter, signed };
}

interface Lifetime {
  length: bigint;
  longestS: number;
  boundByKey: boolean;
}

function lifetime(type: EventType, statement: JsonObject): Lifetime | undefined {
  const between = (from: string, until: string): bigint => {
    return nanoseconds(String(statement[until])) - nanoseconds(String(statement[from]));
  };
  switch (type.statement) {
    case "GrantStatement":
      return { length: between("not_before", "expires_at"), longestS: MAX_VALIDITY_S, boundByKey: true };
    case "RequestStatement":
      return { length: between("issued_at", "not_after"), longestS: MAX_REQUEST_LIFETIME_S, boundByKey: false };
    default:
      return undefined;
  }
}

/** The first member of the envelope that is not what the statement says. */
function differentPlace(received: Received, said: JsonObject): string | undefined {
  const { tenant_id, site_id, entry_id, publisher, test } = received.envelope;
  const pairs: [string, Json | undefined, Json | undefined][] = [
    ["tenant_id", tenant_id, said["tenant_id"]],
    ["site_id", site_id, said["site_id"]],
    ["entry_id", entry_id, said["entry_id"]],
    ["publisher/name", publisher.name, said["issuer"]],
    ["schema_version", received.schemaVersion, said["schema_version"]],
    ["test", test, false],
  ];
  const found = pairs.find(([, theirs, ours]) => theirs !== ours);
  return found === undefined ? undefined : `/${found[0]}`;
}

function same(left: Json | undefined, right: Json | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return equal(left, right);
}

function malformed(message: string): Denial {
  return new Denial("malformed_request", message);
}
