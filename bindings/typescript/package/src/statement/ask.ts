/** What an issuer is asked to sign. */

import type { Envelope } from "../envelope.js";
import type { Received } from "../read.js";

/** What a gateway said of itself when it started: an issuer never sends what would be misread. */
export interface Accepts {
  readonly gateway: string;
  readonly tenantId: string;
  /** The journal that grants are issued against. */
  readonly journalId: string;
  /** The types that it reads, with their versions. */
  readonly types: ReadonlyMap<string, readonly string[]>;
}

/** What of `gateway.started` is used. */
interface Started {
  readonly accepts: readonly { readonly type: string; readonly versions: readonly string[] }[];
}

/**
 * What a received `gateway.started` says; `undefined` without an origin. Whoever received it must
 * have compared its publisher with the bus's `Source`, as a subscriber does.
 */
export function acceptsOf(started: Received<"gateway.started", Started>): Accepts | undefined {
  if (started.origin === undefined) return undefined;
  return {
    gateway: started.envelope.publisher.instance,
    tenantId: started.envelope.tenant_id,
    journalId: started.origin.journal_id,
    types: new Map(started.data.accepts.map(({ type, versions }) => [type, versions])),
  };
}

/** Which gateway, at which entry, and in answer to what. */
export interface Address {
  readonly tenantId: string;
  readonly siteId?: string;
  /** The one gateway that moves the door: its publisher's instance. */
  readonly gateway: string;
  /** The entry; only what is said to the gateway itself names none. */
  readonly entryId?: string;
  /** The event that led to this; its act and its trace go on. */
  readonly cause?: Envelope;
}

/** A window of the week by the clock on the wall at the entry. */
export interface Schedule {
  readonly windows: { day: string; from: string; to: string }[];
  readonly holidays?: string[];
}

/** Who may do what, when and how often. */
export interface Grant {
  readonly address: Address & { readonly entryId: string };
  /** A new one for every grant; made if it is not given. */
  readonly grantId?: string;
  /** A pseudonym drawn per tenant; never a name. */
  readonly subjectRef: string;
  readonly actions: readonly string[];
  readonly issuedAt?: Date | string;
  readonly notBefore: Date | string;
  /** At most 366 days later. */
  readonly expiresAt: Date | string;
  /** 1 if it is not given. */
  readonly maxUses?: number;
  readonly minIntervalS?: number;
  readonly schedule?: Schedule;
}

/** The end of a grant before its time. */
export interface Revocation {
  readonly address: Address & { readonly entryId: string };
  readonly grantId: string;
  readonly issuedAt?: Date | string;
  /** The grant's own end. */
  readonly expiresAt: Date | string;
}

/** The grant that a request relies on. */
export interface GrantUse {
  readonly grantId: string;
  /** The journal that it was issued against. */
  readonly journalId: string;
  /** Its compact JWS, for a gateway that may not have it yet. */
  readonly signed?: string;
}

/** One act, now. */
export interface Request {
  readonly address: Address & { readonly entryId: string };
  /** Stable across every resend; made if it is not given. */
  readonly requestId?: string;
  readonly subjectRef: string;
  readonly grant?: GrantUse;
  /** What the gateway asked to have back, while its clock is not trusted. */
  readonly challenge?: string;
  readonly issuedAt?: Date | string;
  /** The deadline, in seconds from `issuedAt`: 15 if it is not given, at most 60. */
  readonly lifetimeS?: number;
}

/** Whether a vendor's process may run at a gateway. */
export interface VendorOrder {
  readonly vendor: string;
  readonly isolated: boolean;
  /** Higher than that of every order for this vendor at this gateway before. */
  readonly version: number;
  readonly issuedAt?: Date | string;
}
