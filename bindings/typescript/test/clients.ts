/**
 * A program of a service, for the tests of the clients:
 * `publish ENDPOINT BUS COUNT`, `receive ENDPOINT QUEUE ASIDE COUNT`, `kms ENDPOINT KEY`.
 */

import { EventBridge } from "@aws-sdk/client-eventbridge";
import { KMS } from "@aws-sdk/client-kms";
import { SQS } from "@aws-sdk/client-sqs";
import {
  Consumer,
  DeadLetterQueue,
  envelope,
  jws,
  KmsSigner,
  MemoryStore,
  Publisher,
  seal,
  Subscriber,
  TOLERANT,
  types,
} from "@doorward/events";

const PATIENCE = 60_000;

async function publish(endpoint: string, bus: string, count: number): Promise<object> {
  const id = { name: "acme.delivery", instance: "test-ts" };
  const window = { not_before: "2026-11-21T08:00:00Z", expires_at: "2026-11-21T10:00:00Z" };
  const drafts = Array.from({ length: count }, (_, n) => {
    const data = { delivery_id: `d-${n}`, subject_ref: "s-7f3k9q2m", window, parcels: n + 1 };
    return seal(types.DeliveryScheduled, envelope(id, "acme", { entry_id: "front-door" }), data);
  });
  const publisher = new Publisher(new EventBridge({ endpoint, maxAttempts: 1 }), { bus, giveUpAfter: PATIENCE });
  const results = await publisher.publish(drafts);
  return {
    accepted: results.filter(({ status }) => status === "accepted").length,
    attempts: Math.max(...results.map(({ attempts }) => attempts)),
    ids: results.map(({ id: event }) => event).sort(),
  };
}

async function receive(endpoint: string, queueUrl: string, aside: string, count: number): Promise<object> {
  const client = new SQS({ endpoint });
  const handled = new Set<string>();
  const failed = new Set<string>();
  const subscriber = new Subscriber("test", { ...TOLERANT, tests: "handle" }, new MemoryStore(1000));
  subscriber.on(types.DeliveryScheduled, async ({ envelope: { id }, data }) => {
    if (data.parcels === 3 && !failed.has(id)) {
      failed.add(id);
      throw new Error("busy");
    }
    if (handled.has(id)) throw new Error("handled twice");
    handled.add(id);
    return Promise.resolve();
  });
  const deadLetters = new DeadLetterQueue(client, aside);
  const consumer = new Consumer(client, subscriber, { queueUrl, deadLetters, wait: 1 });
  const stop = new AbortController();
  const end = Date.now() + PATIENCE;
  const running = consumer.run(stop.signal);
  let quiet = 0;
  // A little longer than needed: nothing may come twice.
  while (Date.now() < end && quiet < 10) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    quiet = handled.size >= count ? quiet + 1 : 0;
  }
  stop.abort();
  await running;
  return { handled: handled.size, failed_once: failed.size, ids: [...handled].sort() };
}

async function kms(endpoint: string, key: string): Promise<object> {
  const signer = await KmsSigner.connect(new KMS({ endpoint }), key, "kms-2026");
  const signed = await jws.sign(signer, "time", '{"a":1}');
  return { public_key: signer.publicKey.toBase64url(), signed };
}

const [, , command, endpoint = "", first = "", second = "", third = ""] = process.argv;
const run = {
  publish: () => publish(endpoint, first, Number(second)),
  receive: () => receive(endpoint, first, second, Number(third)),
  kms: () => kms(endpoint, first),
}[command ?? ""];
if (run === undefined) throw new Error("publish, receive or kms");
console.log(JSON.stringify(await run()));
process.exit(0);
