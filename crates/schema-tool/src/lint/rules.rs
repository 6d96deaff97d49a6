//! The rules of `lint`, each under a code that stays.

/// A rule: its code, and what it asks for.
pub type Rule = (&'static str, &'static str);

/// All rules, as `lint --rules` lists them.
pub const RULES: &[Rule] = &[
    (
        "json",
        "Every file is JSON without duplicate members, at most 64 levels deep, at most 1 MiB.",
    ),
    ("file-stray", "Every JSON file has a place in the layout."),
    (
        "file-missing",
        "Every type has type.json and next.json; publishers.json and core/ are there.",
    ),
    ("schema-invalid", "Every schema is valid by the meta-schema of Draft-04 and compiles."),
    ("later-keyword", "No keyword of a later draft: a Draft-04 validator skips it silently."),
    ("unknown-keyword", "No keyword that Draft-04 does not know, but annotations x-…."),
    (
        "unread-keyword",
        "No keyword that forms, bindings and generators do not read: dependencies, additionalItems, id, lists of items, additionalProperties.",
    ),
    (
        "numeric-exclusive",
        "exclusiveMinimum and exclusiveMaximum are true or false, beside their bound.",
    ),
    (
        "ref-sibling",
        "Beside a $ref stands nothing but a description: Draft-04 ignores the rest silently.",
    ),
    ("ref-astray", "A $ref names the file in core/ that defines its target; nothing is fetched."),
    ("ref-cycle", "No definition contains itself."),
    (
        "float-in-integer",
        "Bounds and words of an integer are written without a fraction: 2.0 is no integer.",
    ),
    (
        "fraction-multiple",
        "multipleOf is a whole number: languages reckon with fractions differently.",
    ),
    ("enum-mismatch", "The words of an enum are of the schema's type, and there is one."),
    ("format-unasserted", "A format has a pattern beside it: validators need not assert formats."),
    ("pattern-invalid", "A pattern is a regular expression that every language reads alike."),
    ("pattern-open", "A pattern is anchored at both ends."),
    ("required-unknown", "required names only members that properties has."),
    (
        "bound-missing",
        "Every string has maxLength or enum, array maxItems, number minimum and maximum, map maxProperties and keys with a bound.",
    ),
    ("bound-reversed", "No lower bound is above its upper one."),
    ("type-missing", "Every schema says its type, refers to a definition or combines schemas."),
    (
        "type-name",
        "A type's name is dotted lower_snake, at most 128 characters, and that of its folder.",
    ),
    ("member-name", "Members are lower_snake."),
    ("definition-name", "Definitions are PascalCase, and each stands once in all of core/."),
    (
        "definition-unused",
        "Every shared definition is used, but where publishers.json names with core_from the repository that core/ was taken over from.",
    ),
    (
        "description-missing",
        "Every type, definition, and member or item that refers to no definition has a description.",
    ),
    (
        "description-form",
        "Titles of types are their names in PascalCase; descriptions are sentences: a capital first, a full stop last.",
    ),
    ("manifest", "type.json has its members, each with a word that is known."),
    (
        "direction",
        "A type goes one way; to_gateway types name a statement that exists, and no other type does.",
    ),
    (
        "sensitivity",
        "Sensitive fields exist and say which level they are, none above the type's; a personal type has some, and what core/ lists under x-personal is one wherever an event holds it.",
    ),
    ("example-missing", "Every type has a valid example and an invalid one."),
    ("example-refused", "A valid example is valid in the writer's form."),
    (
        "example-accepted",
        "An invalid example is refused in the writer's form, by the keyword that its name begins with.",
    ),
    (
        "publisher",
        "publishers.json is complete; sources never begin with aws.; every type has a publisher.",
    ),
    ("size", "An event of the type is at most 64 KiB in the worst case, and that can be counted."),
    ("depth", "An event of the type is at most 16 levels deep."),
    ("lock", "Released files are as they were released."),
    ("release-version", "type.json's version is that of the newest release, 0.1 before the first."),
    ("release-direction", "Direction and statement of a released type stay."),
    (
        "lifecycle",
        "A type is draft until its first release, then active, then deprecated with replacement and sunset.",
    ),
    ("removed", "A released type goes only after its sunset."),
];
