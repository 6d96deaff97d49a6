/** Does what the suite of statements asks: a file with one JSON object a line, an answer for each. */

import { readFileSync } from "node:fs";

import {
  type Accepts,
  type Address,
  BadIssuerList,
  BadKey,
  Denial,
  IssueError,
  Issuer,
  jws,
  LocalSigner,
  openIssuerList,
  PublicKey,
  readAny,
  Rejected,
  signIssuerList,
  types,
  verify,
} from "@doorward/events";

interface Task {
  readonly do: "issue" | "verify" | "parse" | "key" | "list";
  readonly text: string;
  readonly kind: jws.Kind;
  readonly what: "grant" | "revoke" | "unlock" | "attest" | "vendor";
  readonly seed: string;
  readonly kid: string;
  readonly publisher: string;
  readonly accepts: { gateway: string; tenant_id: string; journal_id: string; types: Record<string, string[]> };
  readonly address: { tenant_id: string; gateway: string; site_id?: string; entry_id: string };
  readonly at: string;
  readonly until: string;
  readonly id: string;
  readonly subject_ref: string;
  readonly grant?: { grant_id: string; journal_id: string; signed?: string };
  readonly list: string;
  readonly root: string;
  readonly at_least: number;
  readonly audience: { gateway: string; tenant_id: string; site_id?: string; journal_id?: string };
  readonly event: string;
  readonly statement: object;
}

async function issue(task: Task): Promise<object> {
  const { accepts, address: to, at, until, id, subject_ref: subjectRef, grant } = task;
  const signer = LocalSigner.fromSeed(task.kid, Buffer.from(task.seed, "hex"));
  const issuer = new Issuer(signer, { name: task.publisher, instance: "eu-1" });
  const knows: Accepts = {
    gateway: accepts.gateway,
    tenantId: accepts.tenant_id,
    journalId: accepts.journal_id,
    types: new Map(Object.entries(accepts.types)),
  };
  const site = to.site_id === undefined ? {} : { siteId: to.site_id };
  const address: Address & { entryId: string } = {
    tenantId: to.tenant_id,
    gateway: to.gateway,
    entryId: to.entry_id,
    ...site,
  };
  const uses =
    grant === undefined
      ? {}
      : {
          grant: {
            grantId: grant.grant_id,
            journalId: grant.journal_id,
            ...(grant.signed === undefined ? {} : { signed: grant.signed }),
          },
        };
  const issued = await {
    grant: () =>
      issuer.grant(knows, {
        address,
        grantId: id,
        subjectRef,
        actions: ["unlock"],
        issuedAt: at,
        notBefore: at,
        expiresAt: until,
        minIntervalS: 5,
        schedule: { windows: [{ day: "monday", from: "08:00", to: "18:00" }], holidays: ["2026-12-25"] },
      }),
    revoke: () => issuer.revoke(knows, { address, grantId: id, issuedAt: at, expiresAt: until }),
    unlock: () =>
      issuer.request(types.EntryUnlockRequested, knows, { address, requestId: id, subjectRef, issuedAt: at, ...uses }),
    attest: () => issuer.attest(knows, address, "c".repeat(32), at),
    vendor: () => issuer.orderVendor(knows, address, { vendor: "zigbee", isolated: true, version: 7, issuedAt: at }),
  }[task.what]();
  return { signed: issued.signed, event: issued.draft.detail };
}

async function answer(task: Task): Promise<object> {
  switch (task.do) {
    case "issue":
      return issue(task);
    case "parse":
      return { kid: jws.parse(task.text, task.kind).kid };
    case "key":
      return { key: PublicKey.fromBase64url(task.text).toBase64url() };
    case "list":
      return { signed: await signIssuerList(LocalSigner.fromSeed(task.kid, Buffer.from(task.seed, "hex")), task.statement) };
    case "verify": {
      const now = new Date(task.at);
      const list = openIssuerList(task.list, PublicKey.fromBase64url(task.root), task.at_least, now);
      const { gateway, tenant_id: tenantId, site_id, journal_id } = task.audience;
      const site = site_id === undefined ? {} : { siteId: site_id };
      const journal = journal_id === undefined ? {} : { journalId: journal_id };
      const verified = verify(readAny(task.event), list.keys, { gateway, tenantId, ...site, ...journal }, now);
      return { kid: verified.kid, believed_until: verified.believedUntil, grant: verified.grant !== undefined };
    }
  }
}

async function guarded(task: Task): Promise<object> {
  try {
    return await answer(task);
  } catch (error) {
    if (error instanceof Denial) return { refused: error.reason };
    if (error instanceof jws.BadJws) return { refused: error.fault };
    if (error instanceof IssueError || error instanceof BadIssuerList) return { refused: error.fault };
    if (error instanceof Rejected) return { refused: error.code };
    if (error instanceof BadKey) return { refused: "bad_key" };
    throw error;
  }
}

const [, , file] = process.argv;
if (file === undefined) throw new Error("name the file with the tasks");
for (const line of readFileSync(file, "utf8").split("\n")) {
  process.stdout.write(`${JSON.stringify(await guarded(JSON.parse(line) as Task))}\n`);
}
