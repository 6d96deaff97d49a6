/** Where deliveries go that can never succeed here: unchanged, with the reason beside them. */

import type { Verdict } from "./subscribe.js";
import { boundedText } from "./text.js";

/** Takes what is put aside. */
export interface DeadLetters {
  /** Keeps the body, durably, before it resolves. */
  put(body: string, attributes: Readonly<Record<string, string>>): Promise<void>;
}

const LONGEST_ATTRIBUTE = 256;

/** Whether the delivery is put aside now. */
export async function putAside(
  deadLetters: DeadLetters | undefined,
  consumer: string,
  body: string,
  verdict: Verdict & { verdict: "dead_letter" },
): Promise<boolean> {
  if (deadLetters === undefined) return false;
  const { why, pointer } = verdict;
  const attributes: Record<string, string> = { reason: why, consumer: printable(consumer) };
  // An attribute is never empty.
  if (pointer !== undefined && pointer !== "") attributes["pointer"] = printable(pointer);
  try {
    await deadLetters.put(body, attributes);
    return true;
  } catch {
    return false;
  }
}

function printable(text: string): string {
  return boundedText(text, LONGEST_ATTRIBUTE).replace(/[^ -~]/gu, "?");
}
