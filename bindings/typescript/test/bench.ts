/**
 * Validation beside `ajv`: the same recorded events, in one run. Prints one JSON object with events
 * a second. Both get a text and must end with a verdict, so `JSON.parse` is part of ajv's time.
 */

import { readFileSync } from "node:fs";

import Draft04 from "ajv-draft-04";
import addFormats from "ajv-formats";
import { contract, validate } from "@doorward/events";

const [, , file, time = "3000"] = process.argv;
if (file === undefined) throw new Error("name the file with recorded deliveries");
const details = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.stringify((JSON.parse(line) as { detail: object }).detail));
const bytes = details.map((detail) => Buffer.from(detail));

type Compiled = (value: unknown) => boolean;
const ajv = new Draft04.default({ strict: false });
addFormats.default(ajv as unknown as Parameters<typeof addFormats.default>[0]);
const compiled = new Map<string, Compiled>();
for (const type of contract.types) {
  if (type.schemas.reader === undefined) continue;
  compiled.set(type.name, ajv.compile(JSON.parse(type.schemas.reader) as object) as Compiled);
}

function ours(): void {
  for (const event of bytes) validate(event, "reader");
}

function theirs(): void {
  for (const event of bytes) {
    const value = JSON.parse(event.toString("utf8")) as { type: string };
    if (compiled.get(value.type)?.(value) !== true) throw new Error(`ajv refuses ${value.type}`);
  }
}

/**
 * Events a second of processor time, the best of all rounds: a busy machine, which lets a process
 * wait, then disturbs least.
 */
function rate(round: () => void): number {
  let best = 0;
  let spent = 0;
  for (let n = 0; n < 20; n++) round();
  while (spent < Number(time) * 1000) {
    const begun = process.cpuUsage();
    for (let n = 0; n < 20; n++) round();
    const { user, system } = process.cpuUsage(begun);
    spent += user + system;
    best = Math.max(best, (20 * bytes.length * 1e6) / (user + system));
  }
  return Math.round(best);
}

console.log(JSON.stringify({ events: bytes.length, bindings: rate(ours), ajv: rate(theirs) }));
