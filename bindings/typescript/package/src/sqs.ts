/** A subscriber at an SQS queue: long polling, and deleting what is settled and nothing else. */

import { putAside, type DeadLetters } from "./deadletters.js";
import { delay } from "./publish.js";
import type { Subscriber } from "./subscribe.js";

/** What of the AWS SDK's `SQS` is used. */
export interface SqsClient {
  receiveMessage(
    input: {
      QueueUrl: string;
      MaxNumberOfMessages: number;
      WaitTimeSeconds: number;
      VisibilityTimeout: number;
      MessageSystemAttributeNames: "ApproximateReceiveCount"[];
    },
    options?: { abortSignal?: AbortSignal },
  ): Promise<{
    Messages?: {
      ReceiptHandle?: string | undefined;
      Body?: string | undefined;
      Attributes?: { ApproximateReceiveCount?: string | undefined } | undefined;
    }[] | undefined;
  }>;
  deleteMessageBatch(input: {
    QueueUrl: string;
    Entries: { Id: string; ReceiptHandle: string }[];
  }): Promise<{ Failed?: { Id?: string | undefined }[] | undefined }>;
  changeMessageVisibility(input: {
    QueueUrl: string;
    ReceiptHandle: string;
    VisibilityTimeout: number;
  }): Promise<unknown>;
  sendMessage(input: {
    QueueUrl: string;
    MessageBody: string;
    MessageAttributes: Record<string, { DataType: string; StringValue: string }>;
  }): Promise<unknown>;
}

/** How a queue is consumed. */
export interface ConsumerOptions {
  readonly queueUrl: string;
  /** Where what can never succeed is put aside. */
  readonly deadLetters: DeadLetters;
  /** Seconds that a call waits for messages: 0 to 20. */
  readonly wait?: number;
  /** Seconds that a message is hidden: more than the subscriber's handling time. */
  readonly visibility?: number;
}

const MOST_PER_CALL = 10;
const TRIES = 4;
/** The longest that SQS hides a message, in seconds. */
const LONGEST_HIDDEN = 43_200;

/** A queue of dead letters. */
export class DeadLetterQueue implements DeadLetters {
  constructor(
    private readonly client: SqsClient,
    private readonly queueUrl: string,
  ) {}

  async put(body: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    const named = Object.entries(attributes).map(([name, value]) => {
      return [name, { DataType: "String", StringValue: value }] as const;
    });
    await this.client.sendMessage({
      QueueUrl: this.queueUrl,
      MessageBody: body,
      MessageAttributes: Object.fromEntries(named),
    });
  }
}

/** Consumes one standard queue. */
export class Consumer {
  constructor(
    private readonly client: SqsClient,
    private readonly subscriber: Subscriber,
    private readonly options: ConsumerOptions,
  ) {}

  /** Consumes until `stop` is aborted; the messages that were received by then are settled first. */
  async run(stop: AbortSignal): Promise<void> {
    let failures = 0;
    let since = Date.now();
    while (!stop.aborted) {
      try {
        await this.once(stop);
        failures = 0;
      } catch {
        if (stop.aborted) return;
        if (failures === 0) since = Date.now();
        failures++;
        await sleep(delay(failures, Date.now() - since, Math.random()), stop);
      }
    }
  }

  /** Receives once and settles what came. Returns how many messages that were. */
  async once(stop?: AbortSignal): Promise<number> {
    const { queueUrl, wait, visibility } = this.options;
    const input = {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: MOST_PER_CALL,
      WaitTimeSeconds: wait ?? 20,
      VisibilityTimeout: visibility ?? 60,
      MessageSystemAttributeNames: ["ApproximateReceiveCount" as const],
    };
    const received = await this.client.receiveMessage(input, stop === undefined ? {} : { abortSignal: stop });
    const messages = received.Messages ?? [];
    const settled = await Promise.all(messages.map((message) => this.settle(message)));
    await this.delete(settled.filter((receipt) => receipt !== undefined));
    return messages.length;
  }

  /** The receipt of a message that is to be deleted. */
  private async settle(message: {
    ReceiptHandle?: string | undefined;
    Body?: string | undefined;
    Attributes?: { ApproximateReceiveCount?: string | undefined } | undefined;
  }): Promise<string | undefined> {
    const { ReceiptHandle: receipt, Body: body = "", Attributes: attributes } = message;
    if (receipt === undefined) return undefined;
    const attempt = Number(attributes?.ApproximateReceiveCount ?? "1") || 1;
    const verdict = await this.subscriber.take(body, attempt);
    switch (verdict.verdict) {
      case "acknowledge":
        return receipt;
      case "dead_letter": {
        const aside = await putAside(this.options.deadLetters, this.subscriber.consumer, body, verdict);
        return aside ? receipt : undefined;
      }
      case "again": {
        const seconds = Math.min(Math.ceil(verdict.after / 1000), LONGEST_HIDDEN);
        const hidden = { QueueUrl: this.options.queueUrl, ReceiptHandle: receipt, VisibilityTimeout: seconds };
        // Otherwise it comes again after the queue's own time.
        await this.client.changeMessageVisibility(hidden).catch(() => undefined);
        return undefined;
      }
    }
  }

  /** What cannot be deleted comes again, and the store knows it. */
  private async delete(receipts: string[]): Promise<void> {
    let left = receipts.map((receipt, n) => ({ Id: String(n), ReceiptHandle: receipt }));
    for (let attempt = 1; left.length > 0 && attempt <= TRIES; attempt++) {
      if (attempt > 1) await sleep(delay(attempt, Infinity, Math.random()));
      try {
        const answer = await this.client.deleteMessageBatch({ QueueUrl: this.options.queueUrl, Entries: left });
        const failed = new Set((answer.Failed ?? []).map(({ Id }) => Id));
        left = left.filter(({ Id }) => failed.has(Id));
      } catch {
        // All of them are tried again.
      }
    }
  }
}

function sleep(milliseconds: number, stop?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
