/**
 * A subscriber in a Lambda function behind a queue. What is not settled is named in the answer
 * (`ReportBatchItemFailures` must be on). FIFO queues are not served.
 */

import { putAside, type DeadLetters } from "./deadletters.js";
import type { Subscriber } from "./subscribe.js";

/** What of the function's event is read. */
export interface SqsBatch {
  readonly Records: readonly {
    readonly messageId: string;
    readonly body: string;
    readonly eventSource?: string;
    readonly attributes?: { readonly ApproximateReceiveCount?: string };
  }[];
}

/** What the function answers: the messages that must come again. */
export interface SqsBatchAnswer {
  batchItemFailures: { itemIdentifier: string }[];
}

/** How an invocation runs. */
export interface LambdaOptions {
  /** Where what can never succeed is put aside. Without it, such messages come again. */
  readonly deadLetters?: DeadLetters;
  /** How long handlers may take together, in milliseconds: less than the function's time. */
  readonly time: number;
  /** Messages handled at once. */
  readonly atOnce?: number;
}

/**
 * Takes one invocation. Whatever is not settled when the time is over comes again.
 *
 * @throws {TypeError} for a payload whose records cannot be named: the invocation must fail.
 */
export async function handleSqsBatch(
  subscriber: Subscriber,
  payload: SqsBatch,
  options: LambdaOptions,
): Promise<SqsBatchAnswer> {
  const records: unknown = (payload as Partial<SqsBatch> | null)?.Records;
  const named = (record: unknown): boolean =>
    typeof (record as { messageId?: unknown } | null)?.messageId === "string";
  if (!Array.isArray(records) || !records.every(named)) throw new TypeError("not a batch of a queue");
  const open = new Set(payload.Records);
  const waiting = [...payload.Records];
  const end = Date.now() + options.time;
  const work = async (): Promise<void> => {
    for (let record = waiting.shift(); record !== undefined && Date.now() < end; record = waiting.shift()) {
      if (record.eventSource !== "aws:sqs" || typeof record.body !== "string") continue;
      const attempt = Number(record.attributes?.ApproximateReceiveCount ?? "1") || 1;
      const verdict = await subscriber.take(record.body, attempt);
      if (verdict.verdict === "again") continue;
      if (verdict.verdict === "dead_letter") {
        const aside = await putAside(options.deadLetters, subscriber.consumer, record.body, verdict);
        if (!aside) continue;
      }
      if (Date.now() < end) open.delete(record);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, options.time);
  });
  const workers = Array.from({ length: Math.max(options.atOnce ?? 10, 1) }, work);
  try {
    await Promise.race([Promise.all(workers), late]);
  } finally {
    clearTimeout(timer);
  }
  return { batchItemFailures: [...open].map(({ messageId }) => ({ itemIdentifier: messageId })) };
}
