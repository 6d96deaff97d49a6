/** Ed25519 keys and the names of keys, by the rules of the Rust library. */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** Not a key, or not the name of one. */
export class BadKey extends Error {}

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** What stands before the 32 bytes of a key in a `SubjectPublicKeyInfo` (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
/** What stands before the 32 bytes of a seed in PKCS#8. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** 2^255 - 19, and the y coordinates of the points of small order, as integers. */
const FIELD = 2n ** 255n - 19n;
const SMALL_ORDER: readonly bigint[] = [
  0n,
  1n,
  FIELD - 1n,
  littleEndian(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
  littleEndian(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex")),
];

/** Whether the text is a key id: the definition `KeyId`. */
export function isKeyId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

/** @throws {BadKey} */
export function keyId(text: string): string {
  if (isKeyId(text)) return text;
  throw new BadKey("a key id has 1 to 64 letters, digits, '.', '_' and '-' and begins with a letter or digit");
}

/**
 * An Ed25519 public key that means one person: written canonically, and not of small order, under
 * which anybody could sign.
 */
export class PublicKey {
  private readonly key: KeyObject;

  /** @throws {BadKey} */
  constructor(private readonly bytes: Uint8Array) {
    if (bytes.length !== PUBLIC_KEY_BYTES) throw new BadKey("an Ed25519 public key has 32 bytes");
    const y = littleEndian(bytes) & (2n ** 255n - 1n);
    if (y >= FIELD) throw new BadKey("the public key is not written canonically");
    if (SMALL_ORDER.includes(y)) throw new BadKey("the public key has small order: anybody could sign for it");
    this.key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: "der", type: "spki" });
  }

  /** From base64url without padding, 43 characters. @throws {BadKey} */
  static fromBase64url(text: string): PublicKey {
    const bytes = fromBase64url(text);
    if (bytes === undefined) throw new BadKey("an Ed25519 public key has 43 characters of base64url");
    return new PublicKey(bytes);
  }

  /** From a DER `SubjectPublicKeyInfo`, as AWS KMS gives it. @throws {BadKey} */
  static fromSpki(der: Uint8Array): PublicKey {
    const head = Buffer.from(der.subarray(0, SPKI_PREFIX.length));
    if (!head.equals(SPKI_PREFIX)) throw new BadKey("not an Ed25519 SubjectPublicKeyInfo");
    return new PublicKey(der.subarray(SPKI_PREFIX.length));
  }

  /** The text that {@link PublicKey.fromBase64url} reads. */
  toBase64url(): string {
    return Buffer.from(this.bytes).toString("base64url");
  }

  /** Whether this key's owner signed exactly this message. */
  verifies(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== SIGNATURE_BYTES) return false;
    try {
      return verify(null, message, this.key, signature);
    } catch {
      return false;
    }
  }
}

/** Signs with one Ed25519 key: in this process, or where it never leaves. */
export interface Signer {
  /** What the headers of its signatures name its key by. */
  readonly kid: string;
  /** The key under which its signatures verify. */
  readonly publicKey: PublicKey;
  /** Signs exactly these bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Signs with a key in memory: for development, for tests and for an offline root key. */
export class LocalSigner implements Signer {
  readonly publicKey: PublicKey;

  private constructor(
    readonly kid: string,
    private readonly key: KeyObject,
  ) {
    if (key.asymmetricKeyType !== "ed25519") throw new BadKey("not an Ed25519 private key");
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    this.publicKey = PublicKey.fromSpki(spki);
  }

  /** From unencrypted PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it. */
  static fromPem(kid: string, pem: string): LocalSigner {
    return new LocalSigner(keyId(kid), createPrivateKey(pem));
  }

  /** From the 32 bytes of a private key. */
  static fromSeed(kid: string, seed: Uint8Array): LocalSigner {
    const der = Buffer.concat([PKCS8_PREFIX, seed]);
    return new LocalSigner(keyId(kid), createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(sign(null, message, this.key));
  }
}

/** What of the AWS SDK's `KMS` is used. */
export interface KmsClient {
  getPublicKey(input: { KeyId: string }): Promise<{
    KeyId?: string | undefined;
    KeySpec?: string | undefined;
    KeyUsage?: string | undefined;
    PublicKey?: Uint8Array | undefined;
  }>;
  sign(input: {
    KeyId: string;
    Message: Uint8Array;
    MessageType: "RAW";
    SigningAlgorithm: "ED25519_SHA_512";
  }): Promise<{ Signature?: Uint8Array | undefined }>;
}

/** The most bytes that KMS signs of a message that is not a digest. */
export const MAX_KMS_MESSAGE_BYTES = 4096;

/** Signs with a key that never leaves AWS KMS. */
export class KmsSigner implements Signer {
  private constructor(
    private readonly client: KmsClient,
    private readonly arn: string,
    readonly kid: string,
    readonly publicKey: PublicKey,
  ) {}

  /**
   * Fetches and checks the public key. `key` is a key id, an ARN or an alias; `kid` is what
   * signatures name the key by. @throws {BadKey}
   */
  static async connect(client: KmsClient, key: string, kid: string): Promise<KmsSigner> {
    const answer = await client.getPublicKey({ KeyId: key });
    if (answer.KeySpec !== "ECC_NIST_EDWARDS25519" || answer.KeyUsage !== "SIGN_VERIFY") {
      throw new BadKey("the KMS key is not for Ed25519 signatures");
    }
    if (answer.PublicKey === undefined || answer.KeyId === undefined) throw new BadKey("KMS gave no public key");
    return new KmsSigner(client, answer.KeyId, keyId(kid), PublicKey.fromSpki(answer.PublicKey));
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    if (message.length > MAX_KMS_MESSAGE_BYTES) throw new BadKey(`KMS signs at most ${MAX_KMS_MESSAGE_BYTES} bytes`);
    const answer = await this.client.sign({
      KeyId: this.arn,
      Message: message,
      MessageType: "RAW",
      SigningAlgorithm: "ED25519_SHA_512",
    });
    const signature = answer.Signature ?? new Uint8Array();
    // A key that was exchanged behind an alias is found here, before a gateway finds it.
    if (!this.publicKey.verifies(message, signature)) throw new BadKey("KMS's answer is not a signature of its key");
    return signature;
  }
}

/** Canonical base64url without padding (RFC 4648, section 5); `undefined` for anything else. */
export function fromBase64url(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex") || "0"}`);
}
