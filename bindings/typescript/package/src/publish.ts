/**
 * Publishing: batches within the bus's limits, retries per entry with jitter, and one result for
 * every event. The bus's client is handed in, and no SDK is needed to build this package.
 */

import type { Draft } from "./envelope.js";
import { boundedText } from "./text.js";

/** The most entries of one call. */
export const MAX_BATCH_ENTRIES = 10;
/**
 * The most bytes of one call, counted by {@link entrySize}. The bus's own limit is 1 MB; this is
 * the smaller reading of it.
 */
export const MAX_BATCH_BYTES = 1_000_000;

/** One entry of `PutEvents`. */
export interface PutEventsEntry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
  TraceHeader?: string;
}

/** What of the AWS SDK's `EventBridge` is used. Give it `maxAttempts: 1`: retries are made here. */
export interface PutEventsClient {
  putEvents(
    input: { Entries: PutEventsEntry[] },
    options?: { abortSignal?: AbortSignal },
  ): Promise<{
    Entries?: {
      EventId?: string | undefined;
      ErrorCode?: string | undefined;
      ErrorMessage?: string | undefined;
    }[] | undefined;
  }>;
}

/** What became of one event. */
export type Result =
  /** The bus has it. More than one attempt: it may be there twice, with the same id. */
  | { readonly status: "accepted"; readonly id: string; readonly busId: string; readonly attempts: number }
  /**
   * `refused`: the bus will never take it. `denied`: credentials, permission or the bus are
   * missing. `gave_up`: the time is over; with attempts it may have arrived all the same.
   */
  | {
      readonly status: "refused" | "denied" | "gave_up";
      readonly id: string;
      readonly code: string;
      readonly message: string;
      readonly attempts: number;
    };

/** How a publisher behaves. */
export interface PublisherOptions {
  /** The bus's name or ARN. */
  readonly bus: string;
  /** How long an event is tried, in milliseconds. */
  readonly giveUpAfter?: number;
  /** How long one call may take, in milliseconds. */
  readonly callTimeout?: number;
}

type Meaning = "retry" | "denied" | "refused";
type Outcome = { busId: string } | { meaning: Meaning; code: string; message: string };

const FIRST_WAIT = 200;
const LONGEST_WAIT = 60_000;
const LONGEST_MESSAGE = 256;

/** Beginnings of codes: AWS names the same fault with and without `Exception`. */
const MEANINGS: readonly (readonly [string, Meaning])[] = [
  ["InternalFailure", "retry"],
  ["InternalException", "retry"],
  ["InternalServer", "retry"],
  ["Throttl", "retry"],
  ["TooManyRequests", "retry"],
  ["ServiceUnavailable", "retry"],
  ["RequestTimeout", "retry"],
  ["AccessDenied", "denied"],
  ["ExpiredToken", "denied"],
  ["UnrecognizedClient", "denied"],
  ["InvalidClientTokenId", "denied"],
  ["InvalidSignature", "denied"],
  ["IncompleteSignature", "denied"],
  ["SignatureDoesNotMatch", "denied"],
  ["RequestExpired", "denied"],
  ["RequestTimeTooSkewed", "denied"],
  ["MissingAuthenticationToken", "denied"],
  ["CredentialsProviderError", "denied"],
  ["NotAuthorized", "denied"],
  ["OptInRequired", "denied"],
  ["InvalidAccountId", "denied"],
  ["OperationDisabled", "denied"],
  ["RedactionFailure", "denied"],
  ["ResourceNotFound", "denied"],
  ["InvalidArgument", "refused"],
  ["MalformedDetail", "refused"],
  ["Validation", "refused"],
  ["PayloadTooLarge", "refused"],
  ["RequestEntityTooLarge", "refused"],
];

/** What an error code means. One that no rule knows is retried: nothing is lost on a guess. */
export function meaningOf(code: string): Meaning {
  const bare = code.slice(code.lastIndexOf("#") + 1);
  return MEANINGS.find(([beginning]) => bare.startsWith(beginning))?.[1] ?? "retry";
}

/** The size of an entry by `PutEvents`' rule. */
export function entrySize(draft: Draft): number {
  return Buffer.byteLength(draft.source) + Buffer.byteLength(draft.eventType) + Buffer.byteLength(draft.detail);
}

/** Cuts events into batches within the limits, in order. */
export function batches<T extends Draft>(drafts: readonly T[]): T[][] {
  const cut: T[][] = [];
  let bytes = Infinity;
  for (const draft of drafts) {
    const size = entrySize(draft);
    const last = cut[cut.length - 1];
    if (last === undefined || last.length === MAX_BATCH_ENTRIES || bytes + size > MAX_BATCH_BYTES) {
      cut.push([draft]);
      bytes = size;
    } else {
      last.push(draft);
      bytes += size;
    }
  }
  return cut;
}

/** How long to wait after so many failures: full jitter, bounded. `jitter` is in 0..1. */
export function delay(failures: number, outage: number, jitter: number): number {
  const doubled = FIRST_WAIT * 2 ** (Math.min(Math.max(failures, 1), 16) - 1);
  const ceiling = Math.min(doubled, LONGEST_WAIT, Math.max(outage, FIRST_WAIT));
  return ceiling * Math.min(Math.max(jitter, 0.05), 1);
}

/** Publishes events on one bus. */
export class Publisher {
  private readonly bus: string;
  private readonly giveUpAfter: number;
  private readonly callTimeout: number;

  constructor(
    private readonly client: PutEventsClient,
    options: PublisherOptions,
  ) {
    this.bus = options.bus;
    this.giveUpAfter = options.giveUpAfter ?? 60_000;
    this.callTimeout = options.callTimeout ?? 10_000;
  }

  /**
   * Publishes all of them and answers for each, in order. What may be retried is, with the same id
   * and the same bytes. An event that is retried arrives after later ones of the same call.
   */
  async publish(drafts: readonly Draft[]): Promise<Result[]> {
    const begun = Date.now();
    const results = new Map<number, Result>();
    let waiting = drafts.map((draft, place) => ({ ...draft, place }));
    for (let attempts = 1; waiting.length > 0; attempts++) {
      const again: typeof waiting = [];
      const left = begun + this.giveUpAfter - Date.now();
      const wait = delay(attempts, Date.now() - begun, Math.random());
      for (const batch of batches(waiting)) {
        const outcomes = await this.put(batch);
        for (const [n, draft] of batch.entries()) {
          const { id, place } = draft;
          const outcome = outcomes[n] ?? retry("NoResult", "the answer lacks this entry");
          if ("busId" in outcome) {
            results.set(place, { status: "accepted", id, busId: outcome.busId, attempts });
          } else if (outcome.meaning !== "retry") {
            const { meaning: status, code, message } = outcome;
            results.set(place, { status, id, code, message, attempts });
          } else if (wait >= left) {
            const { code, message } = outcome;
            results.set(place, { status: "gave_up", id, code, message, attempts });
          } else {
            again.push(draft);
          }
        }
      }
      waiting = again;
      if (waiting.length > 0) await sleep(wait);
    }
    return drafts.map((_, place) => results.get(place) as Result);
  }

  /** A call refused as a whole may be the fault of one entry: alone, each gets its own outcome. */
  private async put(batch: readonly Draft[]): Promise<Outcome[]> {
    const whole = await this.call(batch);
    if (Array.isArray(whole)) return whole;
    if ("busId" in whole || whole.meaning !== "refused" || batch.length === 1) return batch.map(() => whole);
    const outcomes: Outcome[] = [];
    for (const draft of batch) {
      const single = await this.call([draft]);
      outcomes.push(Array.isArray(single) ? (single[0] ?? retry("NoResult", "an empty answer")) : single);
    }
    return outcomes;
  }

  private async call(batch: readonly Draft[]): Promise<Outcome[] | Outcome> {
    const input = {
      Entries: batch.map(({ source, eventType, detail, traceHeader }) => ({
        EventBusName: this.bus,
        Source: source,
        DetailType: eventType,
        Detail: detail,
        ...(traceHeader === undefined ? {} : { TraceHeader: traceHeader }),
      })),
    };
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome>((resolve) => {
      timer = setTimeout(() => {
        abort.abort();
        resolve(retry("Timeout", "no answer in time"));
      }, this.callTimeout);
    });
    const answered = this.client.putEvents(input, { abortSignal: abort.signal }).then(
      (output) => {
        const entries = output.Entries ?? [];
        return batch.map((_, n) => ofEntry(entries[n]));
      },
      (error: unknown) => ofError(error),
    );
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function ofEntry(
  entry: { EventId?: string | undefined; ErrorCode?: string | undefined; ErrorMessage?: string | undefined } | undefined,
): Outcome {
  if (entry === undefined) return retry("NoResult", "the answer lacks this entry");
  if (entry.ErrorCode !== undefined) return of(entry.ErrorCode, entry.ErrorMessage ?? "");
  if (entry.EventId !== undefined) return { busId: entry.EventId };
  return retry("NoResult", "neither an event id nor an error code");
}

function ofError(error: unknown): Outcome {
  const fault = error as { name?: unknown; message?: unknown; $metadata?: { httpStatusCode?: number } } | null;
  const code = typeof fault?.name === "string" ? fault.name : "Transport";
  const message = typeof fault?.message === "string" ? fault.message : "";
  const known = of(code, message);
  const status = fault?.$metadata?.httpStatusCode;
  if ("meaning" in known && known.meaning === "retry" && MEANINGS.every(([beginning]) => !code.startsWith(beginning))) {
    if (status === 401 || status === 403) return { ...known, meaning: "denied" };
    if (status === 413) return { ...known, meaning: "refused" };
  }
  return known;
}

function of(code: string, message: string): Outcome {
  const bounded = boundedText(message, LONGEST_MESSAGE);
  return { meaning: meaningOf(code), code: boundedText(code, LONGEST_MESSAGE), message: bounded };
}

function retry(code: string, message: string): Outcome {
  return { meaning: "retry", code, message };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
