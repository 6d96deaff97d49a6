/** Where a subscriber remembers what it has handled. */

import { randomUUID } from "node:crypto";

/** Whether an event may be handled now. */
export type Claim =
  /** It is the caller's until the lease ends. */
  | { readonly claim: "new"; readonly token: string }
  /** It was handled. */
  | { readonly claim: "done" }
  /** Somebody else has it, for so many milliseconds at most. */
  | { readonly claim: "busy"; readonly left: number };

/** Every call is atomic and, once answered, durable as far as the store is. */
export interface Store {
  /** Takes the event for `lease` milliseconds, unless it is done or somebody else has it. */
  claim(scope: string, id: string, lease: number): Promise<Claim>;
  /** Remembers that the event was handled, whoever has claimed it by now. */
  done(scope: string, id: string): Promise<void>;
  /** Gives the event back, if the claim is still this one and the event is not done. */
  release(scope: string, id: string, token: string): Promise<void>;
}

interface Entry {
  token: string;
  /** `undefined`: done. */
  until: number | undefined;
}

/** In this process: what it forgets, or a restart, lets an event be handled again. */
export class MemoryStore implements Store {
  private readonly entries = new Map<string, Entry>();

  /** Remembers at most so many events; the oldest that is done is forgotten first. */
  constructor(private readonly most: number) {}

  claim(scope: string, id: string, lease: number): Promise<Claim> {
    const key = `${scope} ${id}`;
    const found = this.entries.get(key);
    const now = Date.now();
    if (found !== undefined && found.until === undefined) return Promise.resolve({ claim: "done" });
    if (found?.until !== undefined && found.until > now) {
      return Promise.resolve({ claim: "busy", left: found.until - now });
    }
    this.entries.delete(key);
    if (this.entries.size >= this.most && !this.forget(now)) {
      return Promise.reject(new Error("no room for another claim"));
    }
    const token = randomUUID();
    this.entries.set(key, { token, until: now + lease });
    return Promise.resolve({ claim: "new", token });
  }

  done(scope: string, id: string): Promise<void> {
    const key = `${scope} ${id}`;
    this.entries.delete(key);
    this.entries.set(key, { token: "", until: undefined });
    return Promise.resolve();
  }

  release(scope: string, id: string, token: string): Promise<void> {
    const key = `${scope} ${id}`;
    if (this.entries.get(key)?.token === token) this.entries.delete(key);
    return Promise.resolve();
  }

  private forget(now: number): boolean {
    for (const [key, { until }] of this.entries) {
      if (until === undefined || until <= now) return this.entries.delete(key);
    }
    return false;
  }
}
