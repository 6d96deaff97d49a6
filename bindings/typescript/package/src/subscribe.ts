/** Receiving: from a delivery to a handler, once per event id. */

import type { EventType } from "./contract.js";
import { type Received, read } from "./read.js";
import { dead, type Policies, type Screened, screen, type Turned, type Why } from "./screen.js";
import type { Claim, Store } from "./store.js";
import { Rejected } from "./validate.js";

/** What a handler is told beside the event. */
export interface Context {
  /** How often the message was received, from 1. */
  readonly attempt: number;
  /** The replay that brought it, if one did. */
  readonly replay?: string;
  /** Ends when the handler's time is over: its event then comes again. */
  readonly signal: AbortSignal;
}

/** Handles an event. What it throws makes the event come again; {@link Never} puts it aside. */
export type Handler<N extends string, R> = (event: Received<N, R>, context: Context) => Promise<void>;

/** Thrown by a handler: this event can never succeed here. */
export class Never extends Error {}

/** What becomes of a delivery. */
export type Verdict =
  /** It is settled: handled, a duplicate, or to be ignored. */
  | { readonly verdict: "acknowledge"; readonly why?: Why | "duplicate" }
  /** It must come again, not before so many milliseconds have passed. */
  | { readonly verdict: "again"; readonly after: number; readonly why: string }
  /** It can never succeed here: put it aside, and only then acknowledge it. */
  | { readonly verdict: "dead_letter"; readonly why: Why; readonly pointer?: string };

/** What a subscriber may be told. */
export interface SubscriberOptions {
  /** The tenants whose events are handled. None given: all. */
  readonly tenants?: readonly string[];
  /** The platform's own AWS accounts, which production needs: see {@link Policies.accounts}. */
  readonly platformAccounts?: readonly string[];
  /** How long a handler may run, in milliseconds. */
  readonly handlingTime?: number;
}

/** How much longer than its handler a claim lasts, in milliseconds. */
const LEASE_MARGIN = 10_000;
const LONGEST_WAIT = 900_000;

/** Takes deliveries for one consumer. */
export class Subscriber {
  private readonly handlers = new Map<string, (detail: string) => Received>();
  private readonly calls = new Map<string, Handler<string, unknown>>();
  private readonly handlingTime: number;

  constructor(
    /** Names the consumer in the store: two with one name share what was handled. */
    readonly consumer: string,
    private readonly policies: Policies,
    private readonly store: Store,
    private readonly options: SubscriberOptions = {},
  ) {
    this.handlingTime = options.handlingTime ?? 30_000;
  }

  /** Hands events of this type to `handler`. */
  on<N extends string, R>(eventType: EventType<N, unknown, R>, handler: Handler<N, R>): this {
    if (eventType.schemas.reader === undefined) throw new Error(`${eventType.name} is not among the types to receive`);
    if (this.handlers.has(eventType.name)) throw new Error(`${eventType.name} has a handler`);
    this.handlers.set(eventType.name, (detail) => read(eventType, detail));
    this.calls.set(eventType.name, handler as Handler<string, unknown>);
    return this;
  }

  /** The types that have a handler, for the rule of its queue. */
  types(): string[] {
    return [...this.handlers.keys()];
  }

  /**
   * Takes one delivery: the whole JSON text that EventBridge sent. The event is handled when this
   * answers `acknowledge`, and not before.
   */
  async take(body: string, attempt = 1): Promise<Verdict> {
    const { policies, options } = this;
    const accounts = options.platformAccounts;
    const screened = screen(body, {
      policies,
      ...(accounts === undefined ? {} : { platformAccounts: accounts }),
      handles: (name) => this.handlers.has(name),
    });
    if ("turned" in screened) return this.turn(screened, attempt);
    let event: Received;
    try {
      event = (this.handlers.get(screened.eventType.name) as (detail: string) => Received)(screened.detail);
    } catch (error) {
      if (error instanceof Rejected) return this.turn(ofRejected(error), attempt);
      throw error;
    }
    const { tenant_id, test } = event.envelope;
    if (options.tenants !== undefined && !options.tenants.includes(tenant_id)) {
      return this.turn(dead("wrong_tenant", "/tenant_id"), attempt);
    }
    if (test && policies.tests === "skip") return { verdict: "acknowledge", why: "test" };
    return this.handle(screened, event, attempt);
  }

  private async handle(screened: Screened, event: Received, attempt: number): Promise<Verdict> {
    // With the source, so that no publisher can take another's ids.
    const scope = `${this.consumer}/from/${screened.source}`;
    const { id } = event.envelope;
    let claimed: Claim;
    try {
      claimed = await this.store.claim(scope, id, this.handlingTime + LEASE_MARGIN);
    } catch (error) {
      return again(attempt, `store: ${text(error)}`);
    }
    if (claimed.claim === "done") return { verdict: "acknowledge", why: "duplicate" };
    if (claimed.claim === "busy") return { verdict: "again", after: Math.max(claimed.left, 1000), why: "busy" };
    const fault = await this.run(screened, event, attempt);
    if (fault === undefined) {
      try {
        await this.store.done(scope, id);
        return { verdict: "acknowledge" };
      } catch (error) {
        // The lease keeps others away; after it the handler runs once more.
        return again(attempt, `store: ${text(error)}`);
      }
    }
    try {
      await this.store.release(scope, id, claimed.token);
    } catch {
      // The lease ends by itself.
    }
    return fault instanceof Never ? this.turn(dead("refused_by_handler"), attempt) : again(attempt, text(fault));
  }

  /** What the handler failed with, if it did. */
  private async run(screened: Screened, event: Received, attempt: number): Promise<unknown> {
    const handler = this.calls.get(event.type) as Handler<string, unknown>;
    const abort = new AbortController();
    const replay = screened.replay === undefined ? {} : { replay: screened.replay };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<unknown>((resolve) => {
      timer = setTimeout(() => {
        abort.abort();
        resolve(new Error("the handler took too long"));
      }, this.handlingTime);
    });
    const call = async (): Promise<unknown> => {
      try {
        await handler(event, { attempt, signal: abort.signal, ...replay });
        return undefined;
      } catch (error) {
        return error ?? new Error("the handler failed");
      }
    };
    try {
      return await Promise.race([call(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private turn(turned: Turned, attempt: number): Verdict {
    const { why, pointer } = turned;
    switch (turned.turned) {
      case "ignore":
        return { verdict: "acknowledge", why };
      case "again":
        return again(attempt, why);
      case "dead_letter":
        return { verdict: "dead_letter", why, ...(pointer === undefined ? {} : { pointer }) };
    }
  }
}

function again(attempt: number, why: string): Verdict {
  const ceiling = Math.min(1000 * 2 ** Math.min(Math.max(attempt, 1) - 1, 16), LONGEST_WAIT);
  return { verdict: "again", after: Math.round(ceiling * (0.5 + Math.random() / 2)), why };
}

function ofRejected(rejected: Rejected): Turned {
  const [pointer] = rejected.pointers();
  switch (rejected.code) {
    case "too_large":
    case "too_deep":
      return dead(rejected.code);
    case "malformed":
      return dead("not_json");
    case "no_type":
      return dead("not_an_event", "/type");
    case "unknown_type":
      return dead("unknown_type", "/type");
    case "other_type":
      return dead("wrong_type", "/type");
    case "invalid":
      return dead("refused_by_schema", pointer);
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
