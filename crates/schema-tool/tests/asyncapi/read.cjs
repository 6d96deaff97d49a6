// read.cjs MODULES DOCUMENT: reads an AsyncAPI document with the project's own parser, each payload
// with a validator of JSON Schema Draft-04, and each message's examples with that payload. Prints
// what the parser understood as JSON, or what is wrong, and then ends with 1.
"use strict";
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");

const from = createRequire(`${process.argv[2]}/package.json`);
const { Parser } = from("@asyncapi/parser");
const Draft04 = from("ajv-draft-04");

const FORMAT = "application/schema+json;version=draft-04";
const compile = (schema) => new Draft04({ strict: false, allErrors: true, formats: { "date-time": true } }).compile(schema);

const draft04 = {
    getMimeTypes: () => [FORMAT],
    validate: ({ data }) => {
        try {
            compile(data);
            return [];
        } catch (error) {
            return [{ message: error.message, path: [] }];
        }
    },
    parse: ({ data }) => data,
};

async function main() {
    const parser = new Parser({ schemaParsers: [draft04] });
    const { document, diagnostics } = await parser.parse(readFileSync(process.argv[3], "utf8"));
    const wrong = diagnostics.filter((told) => told.severity <= 1).map((told) =>
        `${told.path.join("/")}: ${told.message}`);
    const messages = document ? document.json().components.messages : {};
    for (const [id, message] of Object.entries(messages)) {
        const validate = compile(message.payload.schema);
        for (const example of message.examples || []) {
            if (!validate(example.payload)) {
                wrong.push(`${id} ${example.name}: ${JSON.stringify(validate.errors)}`);
            }
        }
    }
    if (wrong.length > 0 || !document) {
        console.error(wrong.join("\n"));
        process.exitCode = 1;
        return;
    }
    console.log(JSON.stringify({
        channels: document.channels().all().map((channel) => channel.id()),
        messages: Object.keys(messages),
        sends: document.operations().filterBySend().length,
        receives: document.operations().filterByReceive().length,
    }));
}

main();
