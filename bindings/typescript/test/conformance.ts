/** Answers the questions of the conformance suite: a file with one JSON object a line. */

import { readFileSync } from "node:fs";

import { fromCloudEvent, readAny, Rejected, toCloudEvent, validate, writeJson } from "@doorward/events";

interface Case {
  readonly ask: "writer" | "reader" | "read" | "to_cloud_event" | "from_cloud_event";
  readonly event: string;
}

function answer({ ask, event }: Case): object {
  const bytes = Buffer.from(event, "base64");
  try {
    if (ask === "to_cloud_event") return { code: "ok", event: toCloudEvent(bytes) };
    if (ask === "from_cloud_event") return { code: "ok", event: fromCloudEvent(bytes) };
    if (ask !== "read") {
      validate(bytes, ask);
      return { code: "ok" };
    }
    const { type, envelope, schemaVersion, origin, data } = readAny(bytes);
    const whole = { type, schema_version: schemaVersion, ...envelope, gateway: origin, data };
    return { code: "ok", event: writeJson(whole) };
  } catch (error) {
    if (error instanceof Rejected) return { code: error.code, pointers: error.pointers().sort() };
    throw error;
  }
}

const [, , file] = process.argv;
if (file === undefined) throw new Error("name the file with the questions");
const lines = readFileSync(file, "utf8").split("\n");
process.stdout.write(lines.map((line) => `${JSON.stringify(answer(JSON.parse(line) as Case))}\n`).join(""));
