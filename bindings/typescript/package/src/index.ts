/** Door events: typed, validated on creation and on receipt, published, received, signed. */

export { Contract, type Direction, type EventType, type Form, type NotBound, type RegisteredPublisher } from "./contract.js";
export * from "./cloudevents.js";
export * from "./envelope.js";
export * from "./read.js";
export * from "./uuid.js";
export { type FieldError } from "./draft4.js";
export { type Json, type JsonObject, NotJson, write as writeJson } from "./json.js";
export { MAX_DEPTH, MAX_EVENT_BYTES, Rejected, type RejectedCode, validate } from "./validate.js";
export { contract } from "./generated/contract.js";
export * as types from "./generated/types.js";
export * as words from "./generated/words.js";
export * from "./deadletters.js";
export * from "./lambda.js";
export * from "./publish.js";
export { type Policies, STRICT, TOLERANT, type Why } from "./screen.js";
export * from "./sqs.js";
export * from "./store.js";
export * from "./subscribe.js";
export * from "./statement/ask.js";
export * from "./statement/issuer.js";
export * from "./statement/issuers.js";
export * as jws from "./statement/jws.js";
export * from "./statement/keys.js";
export * from "./statement/verify.js";
