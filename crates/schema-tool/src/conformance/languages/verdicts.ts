/** Judges documents by schemas: a file with one question a line, an answer a line. */

import { readFileSync } from "node:fs";

import { compile, type Validator } from "./draft4.js";
import { parse } from "./json.js";

interface Question {
  readonly schema: string;
  readonly documents: readonly string[];
}

function judged(validator: Validator, text: string): string {
  let document;
  try {
    document = parse(text);
  } catch {
    return "malformed";
  }
  const valid = validator.accepts(document);
  // The fast answer and the full one are two walks over the schema.
  if (valid !== (validator.errors(document, 8).length === 0)) return "torn";
  return valid ? "valid" : "invalid";
}

function answer({ schema, documents }: Question): object {
  let validator: Validator;
  try {
    validator = compile(parse(schema));
  } catch (error) {
    return { refused: String(error instanceof Error ? error.message : error) };
  }
  return { verdicts: documents.map((text) => judged(validator, text)) };
}

const [, , file] = process.argv;
if (file === undefined) throw new Error("name the file with the questions");
const lines = readFileSync(file, "utf8").split("\n");
process.stdout.write(lines.map((line) => `${JSON.stringify(answer(JSON.parse(line) as Question))}\n`).join(""));
