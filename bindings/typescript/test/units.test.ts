/** What needs no other language and no bus. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  batches,
  causedBy,
  CLOUD_EVENT_MEDIA_TYPE,
  type Draft,
  delay,
  entrySize,
  envelope,
  type EventType,
  fromCloudEvent,
  handleSqsBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  meaningOf,
  MemoryStore,
  Never,
  NotJson,
  Publisher,
  read,
  Rejected,
  seal,
  STRICT,
  Subscriber,
  toCloudEvent,
  TOLERANT,
  types,
  uuid7,
  type Verdict,
  words,
  writeJson,
  xrayHeader,
} from "@doorward/events";

const sender = { name: "acme.delivery", instance: "eu-1" };
const window = { not_before: "2026-11-21T08:00:00Z", expires_at: "2026-11-21T10:00:00Z" };
const scheduled = { delivery_id: "d-1", subject_ref: "s-1", window, parcels: 2 };

function draft(parts: object = {}): Draft {
  return seal(types.DeliveryScheduled, envelope(sender, "acme", parts), scheduled);
}

/** As EventBridge delivers it. */
function delivery(of: Draft, more: object = {}): string {
  const head = { version: "0", id: uuid7(), account: "111122223333", source: of.source, "detail-type": of.eventType };
  const { detail, ...rest } = { detail: of.detail, ...head, ...more };
  return `${writeJson(rest).slice(0, -1)},"detail":${detail}}`;
}

test("ids are of version 7 and rise", () => {
  const ids = Array.from({ length: 5000 }, () => uuid7());
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const now = Date.now();
  assert.ok(Math.abs(parseInt((ids.at(-1) ?? "").replace("-", "").slice(0, 12), 16) - now) < 5000);
});

test("what is invalid is not sealed, and its value is not shown", () => {
  const wrong = { ...scheduled, subject_ref: "Jane Doe, 4 Elm Street" };
  assert.throws(
    () => seal(types.DeliveryScheduled, envelope(sender, "acme"), wrong),
    (error) => error instanceof Rejected && error.pointers().includes("/data/subject_ref") && !/Jane/.test(error.message),
  );
  const other = { name: "acme.property", instance: "eu-1" };
  assert.throws(() => seal(types.DeliveryScheduled, envelope(other, "acme"), scheduled), /registered/);
  const gateway: EventType = types.VisitSecured;
  const id = { name: "doorward.gateway", instance: "gw-1" };
  assert.throws(() => seal(gateway, envelope(id, "acme"), {}), Rejected);
  for (const bad of [NaN, Infinity, 10n ** 30n, () => 1, "\ud800"]) {
    const data = { ...scheduled, parcels: bad as number };
    assert.throws(() => seal(types.DeliveryScheduled, envelope(sender, "acme"), data), Rejected);
  }
});

test("an event follows from another one", () => {
  const trace_context = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const cause = envelope(sender, "acme", { trace_context });
  const parts = causedBy(cause);
  assert.deepEqual(parts, { correlation_id: cause.id, causation_id: cause.id, trace_context });
  const header = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1";
  assert.equal(draft(parts).traceHeader, header);
  assert.equal(xrayHeader({ traceparent: "00-12-34-01" }), undefined);
});

test("open words are kept, and known ones told apart", () => {
  const data = { delivery_id: "d-1", outcome: "delivered" as const };
  const sealed = seal(types.DeliveryCompleted, envelope(sender, "acme"), data);
  const newer = sealed.detail.replace('"delivered"', '"left_on_the_moon"');
  const { outcome } = read(types.DeliveryCompleted, newer).data;
  assert.equal(outcome, "left_on_the_moon");
  assert.ok(!words.isDeliveryOutcome(outcome) && words.isDeliveryOutcome("delivered"));
});

test("an event becomes a CloudEvents message and comes back", () => {
  const { detail, source } = draft({ entry_id: "front-door" });
  const message = toCloudEvent(detail);
  assert.equal(CLOUD_EVENT_MEDIA_TYPE, "application/cloudevents+json");
  const { specversion, subject, entryid, data, ...others } = JSON.parse(message) as Record<string, unknown>;
  assert.deepEqual([specversion, subject, entryid, others["source"]], ["1.0", "front-door", "front-door", source]);
  assert.deepEqual(data, scheduled);
  assert.equal(fromCloudEvent(message), detail);
  assert.equal(fromCloudEvent(Buffer.from(message)), detail);
  const newer = detail.replace('"test"', '"lane":{"é":1.50},"test"');
  const carried = toCloudEvent(Buffer.from(newer));
  assert.equal((JSON.parse(carried) as { othermembers: string }).othermembers, '{"lane":{"\\u00e9":1.50}}');
  assert.deepEqual(JSON.parse(fromCloudEvent(carried)), JSON.parse(newer));
  const foreign = message.replace('"test"', '"partitionkey":"x","test"');
  const refused = (error: unknown): boolean =>
    error instanceof Rejected && error.code === "invalid" && error.pointers()[0] === "/partitionkey";
  assert.throws(() => fromCloudEvent(foreign), refused);
  assert.throws(() => toCloudEvent(detail.replace('"parcels":2', '"parcels":0')), Rejected);
});

test("batches keep both limits and the order", () => {
  const small = Array.from({ length: 23 }, () => draft());
  assert.deepEqual(batches(small).map((batch) => batch.length), [10, 10, 3]);
  const large = small.map((one) => ({ ...one, detail: "x".repeat(60_000) }));
  for (const batch of batches(large)) {
    assert.ok(batch.length <= MAX_BATCH_ENTRIES);
    assert.ok(batch.map(entrySize).reduce((a, b) => a + b) <= MAX_BATCH_BYTES);
  }
  assert.deepEqual(batches(large).flat(), large);
  assert.deepEqual(batches([]), []);
});

test("waits grow to their bound and are never nothing", () => {
  assert.equal(delay(1, Infinity, 1), 200);
  assert.equal(delay(3, Infinity, 1), 800);
  assert.equal(delay(99, Infinity, 1), 60_000);
  assert.equal(delay(99, 0, 1), 200);
  assert.ok(delay(1, Infinity, 0) > 0);
});

test("every code has its meaning", () => {
  assert.equal(meaningOf("ThrottlingException"), "retry");
  assert.equal(meaningOf("com.amazonaws.events#ResourceNotFoundException"), "denied");
  assert.equal(meaningOf("ValidationException"), "refused");
  assert.equal(meaningOf("SomethingNew"), "retry");
});

test("each event gets its own result, and gives up in time", async () => {
  const calls: number[] = [];
  const client = {
    putEvents: ({ Entries }: { Entries: { Detail: string }[] }) => {
      calls.push(Entries.length);
      const answer = Entries.map(({ Detail }) => {
        if (Detail.includes('"site_id":"busy"')) return { ErrorCode: "ThrottlingException" };
        if (Detail.includes('"site_id":"closed"')) return { ErrorCode: "AccessDeniedException" };
        return { EventId: "bus-1" };
      });
      return Promise.resolve({ Entries: answer });
    },
  };
  const publisher = new Publisher(client, { bus: "doors", giveUpAfter: 700 });
  const drafts = ["hq", "busy", "closed", "hq"].map((site_id) => draft({ site_id }));
  const results = await publisher.publish(drafts);
  assert.deepEqual(results.map(({ status }) => status), ["accepted", "gave_up", "denied", "accepted"]);
  assert.deepEqual(results.map(({ id }) => id), drafts.map(({ id }) => id));
  assert.ok(calls.length >= 2 && calls.slice(1).every((count) => count === 1), String(calls));
});

test("a call refused as a whole is asked for each entry alone, and a silent one ends", async () => {
  const refuses = {
    putEvents: ({ Entries }: { Entries: { Detail: string }[] }) => {
      const bad = Entries.some(({ Detail }) => Detail.includes('"site_id":"bad"'));
      if (bad) return Promise.reject(Object.assign(new Error("no"), { name: "ValidationException" }));
      return Promise.resolve({ Entries: Entries.map(() => ({ EventId: "bus-1" })) });
    },
  };
  const drafts = ["hq", "bad", "hq"].map((site_id) => draft({ site_id }));
  const results = await new Publisher(refuses, { bus: "doors" }).publish(drafts);
  assert.deepEqual(results.map(({ status }) => status), ["accepted", "refused", "accepted"]);

  const silent = { putEvents: () => new Promise<never>(() => undefined) };
  const [result] = await new Publisher(silent, { bus: "doors", giveUpAfter: 10, callTimeout: 50 }).publish([draft()]);
  assert.equal(result?.status, "gave_up");
  assert.equal(result.code, "Timeout");
});

function subscriber(policies = STRICT, options = {}): [Subscriber, string[]] {
  const handled: string[] = [];
  const made = new Subscriber("test", policies, new MemoryStore(100), options);
  made.on(types.DeliveryScheduled, async (event) => {
    if (event.envelope.site_id === "fails") throw new Error("busy");
    if (event.envelope.site_id === "never") throw new Never();
    if (event.envelope.site_id === "slow") await new Promise((resolve) => setTimeout(resolve, 500));
    handled.push(event.envelope.id);
  });
  return [made, handled];
}

test("an event is handled once, and what fails comes again", async () => {
  const [taker, handled] = subscriber();
  const body = delivery(draft());
  assert.deepEqual(await taker.take(body), { verdict: "acknowledge" });
  assert.deepEqual(await taker.take(body), { verdict: "acknowledge", why: "duplicate" });
  assert.equal(handled.length, 1);
  const fails = delivery(draft({ site_id: "fails" }));
  for (const attempt of [1, 2]) {
    const verdict = await taker.take(fails, attempt);
    assert.equal(verdict.verdict, "again");
  }
  const never = await taker.take(delivery(draft({ site_id: "never" })));
  assert.deepEqual(never, { verdict: "dead_letter", why: "refused_by_handler" });
});

test("two at once do not both handle an event, and a slow handler is given up", async () => {
  const [taker, handled] = subscriber(STRICT, { handlingTime: 100 });
  const body = delivery(draft({ site_id: "slow" }));
  const verdicts = await Promise.all([taker.take(body), taker.take(body)]);
  assert.deepEqual(verdicts.map(({ verdict }) => verdict), ["again", "again"]);
  assert.equal(handled.length, 0);
});

test("who sent it, what and which version is decided before a handler", async () => {
  const good = draft();
  const other = (from: string, to: string): Draft => ({ ...good, detail: good.detail.replace(from, to) });
  const cases: [string, Verdict["verdict"], string | undefined][] = [
    ["{", "dead_letter", "not_json"],
    ["[]", "dead_letter", "not_a_delivery"],
    [delivery(good, { source: "" }), "dead_letter", "not_a_delivery"],
    [delivery(good).replace('"source"', '"source":"x","source"'), "dead_letter", "not_a_delivery"],
    [delivery(good, { source: "acme.delivery/other" }), "dead_letter", "wrong_source"],
    [delivery(good, { "detail-type": "delivery.completed" }), "dead_letter", "wrong_type"],
    [delivery(good, { account: "999999999999" }), "dead_letter", "wrong_account"],
    [delivery(other('"1.0"', '"1.7"')), "dead_letter", "newer_minor"],
    [delivery(other('"1.0"', '"2.0"')), "dead_letter", "other_major"],
    [delivery(other('"parcels":2', '"parcels":0')), "dead_letter", "refused_by_schema"],
    [delivery(other('{"id"', '{"type":"x","id"')), "dead_letter", "not_an_event"],
    [delivery(other('"test":false', '"test":true')), "acknowledge", "test"],
    [delivery(good, { "x-more": [1], account: null }).replace('"x-more"', '"x-more":1,"x-more"'), "acknowledge", undefined],
  ];
  for (const [body, verdict, why] of cases) {
    const [taker] = subscriber();
    const found = await taker.take(body);
    assert.equal(found.verdict, verdict, `${body}: ${JSON.stringify(found)}`);
    assert.equal(found.why, why, body);
  }
  const [strict] = subscriber(STRICT, { platformAccounts: ["123456789012"] });
  assert.equal((await strict.take(delivery(good, { account: null }))).why, "wrong_account");
  const [others] = subscriber(STRICT, { tenants: ["other"] });
  assert.equal((await others.take(delivery(good))).why, "wrong_tenant");
  const [tolerant] = subscriber(TOLERANT);
  assert.equal((await tolerant.take(delivery(other('"1.0"', '"1.7"')))).verdict, "acknowledge");
  const unknown = { ...other('"delivery.scheduled"', '"delivery.beamed"'), eventType: "delivery.beamed" };
  assert.deepEqual(await tolerant.take(delivery(unknown)), { verdict: "acknowledge", why: "unknown_type" });
});

test("a function names what must come again, and nothing else", async () => {
  const [taker] = subscriber();
  const record = (messageId: string, body: string) => {
    return { messageId, body, eventSource: "aws:sqs", attributes: { ApproximateReceiveCount: "2" } };
  };
  const bodies = [delivery(draft()), delivery(draft({ site_id: "fails" })), "{", delivery(draft())];
  const Records = bodies.map((body, n) => record(`m-${n}`, body));
  const failed = ({ batchItemFailures }: { batchItemFailures: { itemIdentifier: string }[] }) =>
    batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  // Without dead letters, what can never succeed comes again, and the queue's redrive keeps it.
  assert.deepEqual(failed(await handleSqsBatch(taker, { Records }, { time: 5000 })), ["m-1", "m-2"]);
  const aside: Record<string, string>[] = [];
  const deadLetters = {
    put: (_: string, attributes: Readonly<Record<string, string>>) => {
      aside.push({ ...attributes });
      return Promise.resolve();
    },
  };
  assert.deepEqual(failed(await handleSqsBatch(taker, { Records }, { time: 5000, deadLetters })), ["m-1"]);
  assert.deepEqual(aside, [{ reason: "not_json", consumer: "test" }]);
  const slow = [record("slow", delivery(draft({ site_id: "slow" })))];
  assert.deepEqual(failed(await handleSqsBatch(taker, { Records: slow }, { time: 50 })), ["slow"]);
  await assert.rejects(handleSqsBatch(taker, {} as never, { time: 50 }), TypeError);
});

test("a store forgets the oldest that is done, and never a claim", async () => {
  const store = new MemoryStore(2);
  await store.done("s", "a");
  assert.equal((await store.claim("s", "b", 1000)).claim, "new");
  assert.equal((await store.claim("s", "c", 1000)).claim, "new");
  await assert.rejects(store.claim("s", "d", 1000));
  assert.equal((await store.claim("s", "b", 1000)).claim, "busy");
});

test("JSON is written whole", () => {
  assert.equal(writeJson({ a: 2n ** 63n, b: undefined, c: [1.5, null], d: -0 }), '{"a":9223372036854775808,"c":[1.5,null],"d":-0.0}');
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.throws(() => writeJson(cycle), TypeError);
  assert.ok(new NotJson() instanceof Error);
});
