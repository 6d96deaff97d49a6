/** The issuing side: from what a service wants to what a gateway believes. */

import type { EventType } from "../contract.js";
import { causedBy, type Draft, type Envelope, type PublisherId, seal } from "../envelope.js";
import { contract } from "../generated/contract.js";
import { isInstant } from "../formats.js";
import { type JsonObject, parse as parseJson, write } from "../json.js";
import { uuid7 } from "../uuid.js";
import { check } from "../validate.js";
import type { Accepts, Address, Grant, Request, Revocation, VendorOrder } from "./ask.js";
import { type Kind, parse, sign } from "./jws.js";
import type { Signer } from "./keys.js";

/** The longest that a grant may be valid, in seconds. */
export const MAX_VALIDITY_S = 366 * 24 * 3600;
/** The longest from a request to its deadline, in seconds. */
export const MAX_REQUEST_LIFETIME_S = 60;
const REQUEST_LIFETIME_S = 15;
/** Has the form of a compact JWS and says nothing. */
const STAND_IN = "e30.e30.AA";

/** Why nothing was issued, where it is not a schema's refusal ({@link Rejected}). */
export type IssueFault =
  | "not_registered"
  | "other_gateway"
  | "other_tenant"
  | "other_journal"
  | "not_accepted"
  | "other_grant"
  | "window"
  | "too_long"
  | "not_bound";

const FAULTS: Readonly<Record<IssueFault, string>> = {
  not_registered: "the publisher is not registered in schemas/publishers.json for a type to gateways",
  other_gateway: "the gateway that is addressed is not the one that said what it accepts",
  other_tenant: "the gateway that said what it accepts is not of the tenant that is addressed",
  other_journal: "the grant was issued against another journal than the gateway has: issue it anew",
  not_accepted: "the gateway does not accept this type in the version that these bindings write",
  other_grant: "the grant in the request is not the one that the request is for",
  window: "the end is not after the beginning, or an instant is none",
  too_long: "it would count for too long",
  not_bound: "these bindings were not made to publish this type",
};

/** Nothing was issued. */
export class IssueError extends Error {
  constructor(readonly fault: IssueFault) {
    super(FAULTS[fault]);
    this.name = "IssueError";
  }
}

/** A signed statement, and the event that carries it. */
export interface Issued {
  /** Its envelope and data are made from the statement, so that no copy differs. */
  readonly draft: Draft;
  readonly data: JsonObject;
  readonly statement: JsonObject;
  /** The compact JWS, as in the data. */
  readonly signed: string;
}

/**
 * Signs what one publisher says to gateways: nothing that the addressed gateway would not read,
 * that its own schema refuses, or that counts for too long.
 */
export class Issuer {
  /** @throws {IssueError} */
  constructor(
    private readonly signer: Signer,
    private readonly publisher: PublisherId,
    private readonly longestValidityS: number = MAX_VALIDITY_S,
  ) {
    const publishes = contract.publisher(publisher.name)?.publishes ?? [];
    const issues = (name: string): boolean => contract.type(name)?.direction === "to_gateway";
    if (!publishes.some(issues)) throw new IssueError("not_registered");
    if (!(longestValidityS > 0 && longestValidityS <= MAX_VALIDITY_S)) throw new IssueError("too_long");
  }

  /** Issues a grant against the journal that the gateway has. */
  async grant(accepts: Accepts, grant: Grant): Promise<Issued> {
    const { address, subjectRef, actions, maxUses = 1, minIntervalS, schedule } = grant;
    const [notBefore, expiresAt] = [instant(grant.notBefore), instant(grant.expiresAt)];
    bounded(notBefore, expiresAt, this.longestValidityS);
    const own = {
      journal_id: accepts.journalId,
      grant_id: grant.grantId ?? uuid7(),
      subject_ref: subjectRef,
      actions: [...actions],
      not_before: notBefore,
      expires_at: expiresAt,
      max_uses: maxUses,
      min_interval_s: minIntervalS,
      schedule,
    };
    return this.issue(accepts, "grant.issued", "grant", address, grant.issuedAt, own);
  }

  /** Takes a grant back: it counts against any journal. */
  async revoke(accepts: Accepts, revocation: Revocation): Promise<Issued> {
    const { address, grantId, expiresAt, issuedAt } = revocation;
    const own = { grant_id: grantId, expires_at: instant(expiresAt) };
    return this.issue(accepts, "grant.revoked", "revocation", address, issuedAt, own);
  }

  /** Asks for one act: `issuer.request(types.EntryUnlockRequested, …)`. */
  async request(type: EventType, accepts: Accepts, request: Request): Promise<Issued> {
    const { address, grant, challenge, lifetimeS = REQUEST_LIFETIME_S } = request;
    if (type.statement !== "RequestStatement") throw new IssueError("not_bound");
    const issuedAt = instant(request.issuedAt ?? new Date());
    const end = nanoseconds(issuedAt) + BigInt(Math.round(lifetimeS * 1e9));
    const notAfter = ofNanoseconds(end);
    bounded(issuedAt, notAfter, MAX_REQUEST_LIFETIME_S);
    if (grant !== undefined && grant.journalId !== accepts.journalId) throw new IssueError("other_journal");
    const own = {
      request_id: request.requestId ?? uuid7(),
      subject_ref: request.subjectRef,
      grant_id: grant?.grantId,
      grant: grant?.signed,
      not_after: notAfter,
      challenge,
    };
    if (grant?.signed !== undefined) {
      this.fits(address, own.subject_ref, grant.grantId, grant.signed, accepts.journalId);
    }
    return this.issue(accepts, type.name, "request", address, issuedAt, own);
  }

  /** Says to a gateway what time it is, in answer to its challenge. */
  async attest(accepts: Accepts, address: Address, challenge: string, issuedAt?: Date | string): Promise<Issued> {
    const { entryId: _, ...gateway } = address;
    return this.issue(accepts, "time.attested", "time", gateway, issuedAt, { challenge });
  }

  /** Orders that a vendor's process at a gateway be isolated, or released. */
  async orderVendor(accepts: Accepts, address: Address, order: VendorOrder): Promise<Issued> {
    const { entryId: _, ...gateway } = address;
    const { vendor, isolated, version, issuedAt } = order;
    const own = { vendor, isolated, version };
    return this.issue(accepts, "vendor.isolation_ordered", "vendor", gateway, issuedAt, own);
  }

  private async issue(
    accepts: Accepts,
    name: string,
    kind: Kind,
    address: Address,
    at: Date | string | undefined,
    own: object,
  ): Promise<Issued> {
    const type = contract.type(name);
    if (type?.statement === undefined || type.schemas.writer === undefined) throw new IssueError("not_bound");
    if (accepts.gateway !== address.gateway) throw new IssueError("other_gateway");
    if (accepts.tenantId !== address.tenantId) throw new IssueError("other_tenant");
    if (!accepts.types.get(name)?.some((theirs) => knows(theirs, type.version))) throw new IssueError("not_accepted");
    const issuedAt = instant(at ?? new Date());
    const common = {
      type: name,
      schema_version: type.version,
      issuer: this.publisher.name,
      issued_at: issuedAt,
      tenant_id: address.tenantId,
      site_id: address.siteId,
      gateway: address.gateway,
      entry_id: address.entryId,
    };
    const payload = write(sorted({ ...common, ...own }));
    const statement = parseJson(payload) as JsonObject;
    const validator = contract.statement(type.statement);
    if (validator === undefined) throw new IssueError("not_bound");
    check(validator, name, statement);
    const envelope = this.envelope(issuedAt, address);
    const data = (signed: string): JsonObject => {
      const copies = copied(type).filter((member) => Object.hasOwn(statement, member));
      return { ...Object.fromEntries(copies.map((member) => [member, statement[member] ?? null])), signed };
    };
    // Sealed once with a stand-in: whatever the event would be refused for is found before
    // anything is signed.
    seal(type, envelope, data(STAND_IN));
    const signed = await sign(this.signer, kind, payload);
    return { draft: seal(type, envelope, data(signed)), data: data(signed), statement, signed };
  }

  private envelope(time: string, address: Address): Envelope {
    const { tenantId: tenant_id, siteId, entryId, cause } = address;
    return {
      id: uuid7(),
      time,
      publisher: this.publisher,
      tenant_id,
      test: false,
      ...(siteId === undefined ? {} : { site_id: siteId }),
      ...(entryId === undefined ? {} : { entry_id: entryId }),
      ...(cause === undefined ? {} : causedBy(cause)),
    };
  }

  /**
   * A grant that a request brings must be the one that it names, of this issuer, at this door, for
   * this subject, of this journal. Whether it is signed well is the gateway's to say.
   */
  private fits(address: Address, subject: string, grantId: string, signed: string, journal: string): void {
    let grant: JsonObject;
    try {
      grant = parse(signed, "grant").payload as JsonObject;
    } catch {
      throw new IssueError("other_grant");
    }
    const said = [grantId, this.publisher.name, address.tenantId, address.gateway, address.entryId, subject];
    const members = ["grant_id", "issuer", "tenant_id", "gateway", "entry_id", "subject_ref"];
    if (members.some((member, n) => grant[member] !== said[n])) throw new IssueError("other_grant");
    if (grant["journal_id"] !== journal) throw new IssueError("other_journal");
  }
}

/** The members of a type's `data` that are copies of its statement: all but `signed`. */
export function copied(type: EventType): string[] {
  const schema = parseJson(type.schemas.writer ?? type.schemas.reader ?? "{}") as {
    properties?: { data?: { properties?: JsonObject } };
  };
  return Object.keys(schema.properties?.data?.properties ?? {}).filter((name) => name !== "signed");
}

/** Members by name, so that one statement is one text; absent ones are left out. */
function sorted(members: object): object {
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws {IssueError} for what is no instant in UTC */
function instant(at: Date | string): string {
  let text: string;
  if (typeof at === "string") text = at;
  else if (Number.isNaN(at.getTime())) throw new IssueError("window");
  else text = at.toISOString();
  if (!text.endsWith("Z") || !isInstant(text)) throw new IssueError("window");
  return text;
}

/** @throws {IssueError} */
function bounded(from: string, until: string, longestS: number): void {
  const length = nanoseconds(until) - nanoseconds(from);
  if (length <= 0n) throw new IssueError("window");
  if (length > BigInt(Math.round(longestS * 1e9))) throw new IssueError("too_long");
}

/** Since the Unix epoch, of an RFC 3339 instant in UTC. A leap second counts as the one before it. */
export function nanoseconds(instant: string): bigint {
  const whole = instant.slice(0, 19).replace(/:60$/, ":59");
  const fraction = /\.([0-9]{1,9})/.exec(instant)?.[1] ?? "";
  return BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

function ofNanoseconds(at: bigint): string {
  const second = new Date(Number(at / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const fraction = (at % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? `${second}Z` : `${second}.${fraction}Z`;
}

/**
 * The same version, or another release of the same major one, which means the same. Drafts, with
 * the major number 0, promise nothing to each other.
 */
export function knows(ours: string, theirs: string): boolean {
  const major = (version: string): number => Number(version.split(".")[0]);
  return ours === theirs || (major(ours) === major(theirs) && major(ours) > 0);
}
