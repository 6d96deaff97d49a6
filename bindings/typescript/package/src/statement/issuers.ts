/**
 * The issuer list: which keys are believed. Its signer is the offline root key, pinned at set-up,
 * which signs nothing else; no other key can add one.
 */

import { contract } from "../generated/contract.js";
import { isInstant } from "../formats.js";
import { type JsonObject, parse as parseJson, write } from "../json.js";
import { nanoseconds } from "./issuer.js";
import { parse, sign } from "./jws.js";
import { BadKey, PublicKey, type Signer } from "./keys.js";

/** Why a list is not taken, or not signed. */
export type ListFault = "signature" | "schema" | "keys" | "superseded" | "expired" | "not_bound";

/** A list that is not taken, or not signed. */
export class BadIssuerList extends Error {
  constructor(readonly fault: ListFault) {
    super(`the issuer list: ${fault}`);
  }
}

/** What a key may sign. A list may name other words: they allow nothing here. */
export type Scope = "grant" | "request" | "time" | "vendor";

/** A key that is believed within its scope. */
export interface TrustedKey {
  readonly publicKey: PublicKey;
  /** The publisher whose key it is. */
  readonly issuer: string;
  readonly may: readonly string[];
  readonly tenants: readonly string[];
  /** None: all. */
  readonly sites: readonly string[];
  readonly longestValidityS: number;
  /** The end of its time, or of its list's if that is earlier. */
  readonly notAfter: string;
}

/** A list of keys that the root key signed. */
export interface IssuerList {
  readonly version: number;
  readonly expires: string;
  /** By key id. */
  readonly keys: ReadonlyMap<string, TrustedKey>;
}

interface Statement {
  version: number;
  expires: string;
  keys: {
    kid: string;
    public_key: string;
    issuer: string;
    may: string[];
    tenants: string[];
    sites?: string[];
    longest_validity_s: number;
    not_after: string;
  }[];
}

/**
 * Opens a list that this root key signed. `atLeast`: the highest version that was ever taken, so
 * that an old list is not played back. `now`: the latest that it may be.
 *
 * @throws {BadJws | BadIssuerList}
 */
export function openIssuerList(signed: string, root: PublicKey, atLeast: number, now: Date): IssuerList {
  const { signingInput, signature, payload } = parse(signed, "issuers");
  if (!root.verifies(Buffer.from(signingInput), signature)) throw new BadIssuerList("signature");
  const list = read(payload as JsonObject, root);
  if (list.version < atLeast) throw new BadIssuerList("superseded");
  if (BigInt(now.getTime()) * 1_000_000n > nanoseconds(list.expires)) throw new BadIssuerList("expired");
  return list;
}

/** Signs a list, for set-up tools. It is refused unless it would open. */
export async function signIssuerList(root: Signer, statement: object): Promise<string> {
  const text = write(statement);
  read(parseJson(text) as JsonObject, root.publicKey);
  return sign(root, "issuers", text);
}

function read(payload: JsonObject, root: PublicKey): IssuerList {
  const validator = contract.statement("IssuerListStatement");
  if (validator === undefined) throw new BadIssuerList("not_bound");
  if (!validator.accepts(payload)) throw new BadIssuerList("schema");
  const { version, expires, keys } = payload as unknown as Statement;
  if (!isInstant(expires)) throw new BadIssuerList("keys");
  const seen = new Set([root.toBase64url()]);
  const trusted = new Map<string, TrustedKey>();
  for (const key of keys) {
    let publicKey: PublicKey;
    try {
      publicKey = PublicKey.fromBase64url(key.public_key);
    } catch (error) {
      if (error instanceof BadKey) throw new BadIssuerList("keys");
      throw error;
    }
    if (!isInstant(key.not_after) || seen.has(key.public_key) || trusted.has(key.kid)) throw new BadIssuerList("keys");
    seen.add(key.public_key);
    const { issuer, may, tenants, sites = [], longest_validity_s: longestValidityS } = key;
    const notAfter = nanoseconds(key.not_after) < nanoseconds(expires) ? key.not_after : expires;
    trusted.set(key.kid, { publicKey, issuer, may, tenants, sites, longestValidityS, notAfter });
  }
  return { version, expires, keys: trusted };
}
