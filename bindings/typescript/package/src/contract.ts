/**
 * What generated code says about event types and publishers: the one place where hand-written and
 * generated code meet.
 */

import { compile, type Validator } from "./draft4.js";
import { parse } from "./json.js";

/** Who sends a type to whom. */
export type Direction = "from_gateway" | "to_gateway" | "between_services" | "platform";

/** Who may receive a type. */
export type Audience = "public" | "operational" | "restricted";

/** Which of a type's two schemas applies. */
export type Form = "writer" | "reader";

/** An event type. `W`: its data as a writer is bound to it; `R`: as a reader gets it. */
export interface EventType<N extends string = string, W = unknown, R = unknown, S = unknown> {
  readonly name: N;
  /** MAJOR.MINOR of the schema that these bindings write. */
  readonly version: string;
  readonly direction: Direction;
  readonly audience: Audience;
  /** Whether its events are personal data. */
  readonly personal: boolean;
  readonly summary: string;
  /** The composed Draft-04 schemas as JSON texts; those that the bindings were made with. */
  readonly schemas: { readonly writer?: string; readonly reader?: string };
  /** What its member `signed` holds, where it carries authority. */
  readonly statement?: string;
  /** Types only; there is no such member. */
  readonly $writer?: W;
  readonly $reader?: R;
  readonly $statement?: S;
}

/** Stands for a form that the bindings were made without: no value has this type. */
export interface NotBound {
  readonly "these bindings were made without this form of the type": never;
}

/** A publisher that the platform knows. */
export interface RegisteredPublisher {
  readonly name: string;
  /** The AWS accounts that it publishes from. None: the platform's own. */
  readonly accounts: readonly string[];
  readonly isGateway: boolean;
  /** The types that it may publish, as far as the bindings know them. */
  readonly publishes: readonly string[];
}

/** What the bindings were made from. */
export class Contract {
  private readonly byName: ReadonlyMap<string, EventType>;
  private readonly publishersByName: ReadonlyMap<string, RegisteredPublisher>;
  private readonly validators = new Map<string, Validator>();

  constructor(
    readonly types: readonly EventType[],
    readonly publishers: readonly RegisteredPublisher[],
    private readonly statements: Readonly<Record<string, string>>,
  ) {
    this.byName = new Map(types.map((type) => [type.name, type]));
    this.publishersByName = new Map(publishers.map((publisher) => [publisher.name, publisher]));
  }

  /** The type of this name, if the bindings were made with it. */
  type(name: string): EventType | undefined {
    return this.byName.get(name);
  }

  /** The publisher of this name. */
  publisher(name: string): RegisteredPublisher | undefined {
    return this.publishersByName.get(name);
  }

  /** The validator of a type in one form; `undefined` if the bindings were made without that. */
  validator(type: EventType, form: Form): Validator | undefined {
    const schema = type.schemas[form];
    return schema === undefined ? undefined : this.compiled(`${form} ${type.name}`, schema);
  }

  /** The validator of a statement. */
  statement(name: string): Validator | undefined {
    const schema = this.statements[name];
    return schema === undefined ? undefined : this.compiled(`statement ${name}`, schema);
  }

  private compiled(key: string, schema: string): Validator {
    const found = this.validators.get(key);
    if (found !== undefined) return found;
    const made = compile(parse(schema));
    this.validators.set(key, made);
    return made;
  }
}
