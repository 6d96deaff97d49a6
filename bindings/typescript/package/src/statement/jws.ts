/**
 * The one form of a signature: compact JWS (RFC 7515) with Ed25519 (RFC 8037). Nothing is
 * negotiated: the header has `alg`, `kid` and `typ`, each once, and no other member.
 */

import { isObject, type Json, parse as parseJson } from "../json.js";
import { fromBase64url, isKeyId, type Signer } from "./keys.js";

/** What a signature is for. */
export type Kind = "grant" | "request" | "revocation" | "time" | "vendor" | "issuers" | "checkpoint";

const MAX_HEADER_BYTES = 256;
const SIGNATURE_CHARACTERS = 86;
const MAX_BYTES: Readonly<Record<Kind, number>> = {
  grant: 4096,
  request: 8192,
  revocation: 8192,
  time: 8192,
  vendor: 8192,
  issuers: 96 * 1024,
  checkpoint: 8192,
};

/** The longest compact JWS of a kind, in bytes. */
export function maxBytes(kind: Kind): number {
  return MAX_BYTES[kind];
}

/** The header's `typ`. */
export function typ(kind: Kind): string {
  return `doorward-${kind}+jws`;
}

/** Why a text is no JWS of the wanted kind. */
export type Fault = "too_long" | "parts" | "header" | "algorithm" | "purpose" | "payload";

/** A text that is no JWS of the wanted kind. */
export class BadJws extends Error {
  constructor(readonly fault: Fault) {
    super(`not a JWS of the wanted kind: ${fault}`);
  }
}

/** A well-formed JWS of one kind. Nothing is known yet of who signed it. */
export interface Parsed {
  readonly kid: string;
  /** No object in it has a member twice. */
  readonly payload: Json;
  /** What is signed. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** Reads a compact JWS of the wanted kind. No signature is verified here. @throws {BadJws} */
export function parse(text: string, wanted: Kind): Parsed {
  if (Buffer.byteLength(text) > MAX_BYTES[wanted]) throw new BadJws("too_long");
  const parts = text.split(".");
  const [head, body, tail] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || tail === undefined) throw new BadJws("parts");
  if (head.length > Math.ceil(MAX_HEADER_BYTES / 3) * 4) throw new BadJws("too_long");
  const [header, payload, signature] = [head, body, tail].map(fromBase64url);
  if (header === undefined || payload === undefined || signature?.length !== 64) throw new BadJws("parts");
  if (header.length > MAX_HEADER_BYTES) throw new BadJws("too_long");
  const kid = readHeader(header, wanted);
  const value = json(payload);
  if (value === undefined) throw new BadJws("payload");
  return { kid, payload: value, signingInput: `${head}.${body}`, signature };
}

function readHeader(bytes: Uint8Array, wanted: Kind): string {
  const header = json(bytes);
  if (!isObject(header)) throw new BadJws("header");
  const { alg, kid, typ: purpose } = header;
  if (typeof alg !== "string") throw new BadJws("header");
  // Told apart even where the header would be refused anyway: it is the attack.
  if (alg !== "EdDSA") throw new BadJws("algorithm");
  if (typeof kid !== "string" || !isKeyId(kid) || typeof purpose !== "string") throw new BadJws("header");
  if (purpose !== typ(wanted)) throw new BadJws("purpose");
  if (Object.keys(header).length !== 3) throw new BadJws("header");
  return kid;
}

function json(bytes: Uint8Array): Json | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return parseJson(text, "refuse");
  } catch {
    return undefined;
  }
}

/** Signs a payload. @throws {RangeError} for one that would be too long; the signer is not asked. */
export async function sign(signer: Signer, kind: Kind, payload: string): Promise<string> {
  const header = `{"alg":"EdDSA","kid":"${signer.kid}","typ":"${typ(kind)}"}`;
  const encode = (text: string): string => Buffer.from(text).toString("base64url");
  const input = `${encode(header)}.${encode(payload)}`;
  const length = input.length + 1 + SIGNATURE_CHARACTERS;
  if (length > MAX_BYTES[kind]) throw new RangeError(`${length} bytes would be signed; at most ${MAX_BYTES[kind]} can be`);
  const signature = await signer.sign(Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}
