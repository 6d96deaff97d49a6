"""JSON Schema Draft-04 over values that :mod:`.jsontext` parsed.

A validator of our own, small, so that one rule means the same in every language: ``2.0`` is no
integer, ``True`` is no number, ``$`` stands at the very end, and siblings of ``$ref`` are ignored.
It builds functions once and evaluates no text as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .formats import FORMATS
from .jsontext import Json
from .text import bounded_text


@dataclass(frozen=True, slots=True)
class FieldError:
    """One place that a schema refuses."""

    pointer: str
    """JSON pointer; of a missing or unknown member, to that member. Empty: the whole."""
    message: str
    """What is wrong. The value is not shown."""
    keyword: str
    """The keyword that refuses."""


Accepts = Callable[[Json], bool]
Report = Callable[[Json, str], Iterator[FieldError]]
Known = Callable[[Json], Json]


class Node:
    """One schema, ready to be applied."""

    __slots__ = ("accepts", "known", "report")

    def __init__(self, accepts: Accepts, report: Report, known: Known) -> None:
        self.accepts = accepts
        self.report = report
        self.known = known


class Validator:
    """A whole schema, ready to be applied."""

    __slots__ = ("_node", "accepts", "known")

    def __init__(self, schema: Json) -> None:
        """Raises :class:`ValueError` for a keyword, format, pattern or reference that it does not
        know: a rule that is not applied must not pass for one that is."""
        self._node = _Compiler(schema).node(schema)
        self.accepts: Accepts = self._node.accepts
        self.known: Known = self._node.known

    def errors(self, value: Json, most: int) -> list[FieldError]:
        """What is wrong, at most ``most`` places."""
        return [error for error, _ in zip(self._node.report(value, ""), range(most), strict=False)]


def _is_number(value: Json) -> bool:
    return type(value) is int or type(value) is float


def _is_integer(value: Json) -> bool:
    # A double beyond 64 bits has no fraction, and how it was written nobody knows any more.
    return type(value) is int or (type(value) is float and abs(value) >= _BEYOND)


_BEYOND = 2.0**63

_TYPES: dict[str, Accepts] = {
    "null": lambda value: value is None,
    "boolean": lambda value: type(value) is bool,
    "string": lambda value: type(value) is str,
    "number": _is_number,
    "integer": _is_integer,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
}

_IGNORED = frozenset(("$schema", "id", "title", "description", "default", "definitions"))


def equal(left: Json, right: Json) -> bool:
    """Equality as JSON Schema has it: numbers by their value, and truth is no number."""
    if type(left) is bool or type(right) is bool:
        return left is right
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if type(left) is dict and type(right) is dict:
        return left.keys() == right.keys() and all(equal(left[n], right[n]) for n in left)
    return bool(left == right)


def token(name: str) -> str:
    """A member's name as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def pattern(source: str) -> re.Pattern[str]:
    """A schema's pattern: ``$`` means the very end, not also before a last line feed."""
    parts: list[str] = []
    in_class = escaped = False
    for c in source:
        anchor = c == "$" and not in_class and not escaped
        if not escaped and c in "[]":
            in_class = c == "["
        escaped = c == "\\" and not escaped
        parts.append(r"\Z" if anchor else c)
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error as error:
        raise ValueError(f"a pattern that is none: {error}") from None


class _Compiler:
    def __init__(self, whole: Json) -> None:
        self._definitions: dict[str, Json] = whole.get("definitions", {})
        self._references: dict[str, Node] = {}

    def node(self, schema: Json) -> Node:
        if type(schema) is not dict:
            raise ValueError("a schema that is no object")
        if type(schema.get("$ref")) is str:
            return self._reference(schema["$ref"])
        checks = [
            check
            for keyword, value in schema.items()
            if keyword not in _IGNORED
            for check in self._keyword(keyword, value, schema)
        ]
        return _all(checks, self._known(schema))

    def _reference(self, target: str) -> Node:
        if target in self._references:
            return self._references[target]
        name = target.removeprefix("#/definitions/")
        if name == target or name not in self._definitions:
            raise ValueError(f"a reference that leads nowhere: {target}")
        # Entered before its schema is read, so that a definition may name itself.
        made: list[Node] = []
        self._references[target] = Node(
            lambda value: made[0].accepts(value),
            lambda value, at: made[0].report(value, at),
            lambda value: made[0].known(value),
        )
        made.append(self.node(self._definitions[name]))
        self._references[target] = made[0]
        return made[0]

    def _keyword(self, keyword: str, value: Json, schema: dict[str, Json]) -> Iterator[Node]:
        simple = _simple(keyword, value, schema)
        if simple is not None:
            yield _check(keyword, *simple)
            return
        match keyword:
            case "items" if type(value) is dict:
                yield _items(self.node(value))
            case "items":
                yield self._tuple([self.node(inner) for inner in value], schema)
            case "properties":
                yield self._properties(schema)
            case "patternProperties":
                if "properties" not in schema:
                    yield self._properties(schema)
            case "additionalProperties":
                if "properties" not in schema and "patternProperties" not in schema:
                    yield self._properties(schema)
            case "required":
                yield _required(value)
            case "dependencies":
                yield from (self._dependency(name, rule) for name, rule in value.items())
            case "allOf":
                yield from (self.node(inner) for inner in value)
            case "anyOf":
                some = [self.node(inner) for inner in value]
                yield _check(
                    keyword,
                    lambda v: any(one.accepts(v) for one in some),
                    "fits none of the alternatives",
                )
            case "oneOf":
                ones = [self.node(inner) for inner in value]
                yield _check(
                    keyword,
                    lambda v: sum(one.accepts(v) for one in ones) == 1,
                    "fits not exactly one alternative",
                )
            case "not":
                excluded = self.node(value)
                yield _check(
                    keyword, lambda v: not excluded.accepts(v), "is what the schema excludes"
                )
            case "exclusiveMinimum" | "exclusiveMaximum" | "additionalItems" | "uniqueItems":
                return
            case _:
                raise ValueError(f"unknown keyword {keyword}")

    def _tuple(self, nodes: list[Node], schema: dict[str, Json]) -> Node:
        rest = schema.get("additionalItems")
        others = self.node(rest) if type(rest) is dict else None

        def pairs(value: Json) -> Iterator[tuple[int, Json, Node]]:
            if type(value) is list:
                for n, item in enumerate(value):
                    node = nodes[n] if n < len(nodes) else others
                    if node is not None:
                        yield n, item, node

        def fits(value: Json) -> bool:
            return rest is not False or type(value) is not list or len(value) <= len(nodes)

        def accepts(value: Json) -> bool:
            return fits(value) and all(node.accepts(item) for _, item, node in pairs(value))

        def report(value: Json, at: str) -> Iterator[FieldError]:
            if not fits(value):
                yield FieldError(at, "has too many items", "additionalItems")
            for n, item, node in pairs(value):
                yield from node.report(item, f"{at}/{n}")

        return Node(accepts, report, _same)

    def _properties(self, schema: dict[str, Json]) -> Node:
        named = {name: self.node(inner) for name, inner in schema.get("properties", {}).items()}
        patterns = self._patterns(schema)
        additional = schema.get("additionalProperties")
        closed = additional is False
        others = self.node(additional) if type(additional) is dict else None
        checks = {name: node.accepts for name, node in named.items()}

        def nodes(name: str) -> list[Node]:
            own = [named[name]] if name in named else []
            return own + [node for source, node in patterns if source.search(name)]

        def accepts(value: Json) -> bool:
            if type(value) is not dict:
                return True
            for name, member in value.items():
                check = checks.get(name)
                if check is not None:
                    if not check(member):
                        return False
                    if not patterns:
                        continue
                found = nodes(name) if patterns else ()
                if check is None and not found:
                    if closed or (others is not None and not others.accepts(member)):
                        return False
                for node in found:
                    if not node.accepts(member):
                        return False
            return True

        def report(value: Json, at: str) -> Iterator[FieldError]:
            if type(value) is not dict:
                return
            for name, member in value.items():
                found = nodes(name)
                if not found and closed:
                    pointer = f"{at}/{token(bounded_text(name, 64))}"
                    message = "is not a member of this type"
                    yield FieldError(pointer, message, "additionalProperties")
                elif not found and others is not None:
                    found = [others]
                for node in found:
                    yield from node.report(member, f"{at}/{token(name)}")

        return Node(accepts, report, _same)

    def _patterns(self, schema: dict[str, Json]) -> list[tuple[re.Pattern[str], Node]]:
        patterns = schema.get("patternProperties", {})
        return [(pattern(source), self.node(inner)) for source, inner in patterns.items()]

    def _dependency(self, name: str, rule: Json) -> Node:
        node = _required(rule) if type(rule) is list else self.node(rule)

        def applies(value: Json) -> bool:
            return type(value) is dict and name in value

        return Node(
            lambda value: not applies(value) or node.accepts(value),
            lambda value, at: node.report(value, at) if applies(value) else iter(()),
            _same,
        )

    def _known(self, schema: dict[str, Json]) -> Known:
        """What of a value the schema names: members of ``properties`` and
        ``patternProperties``."""
        if type(schema.get("items")) is dict:
            known = self.node(schema["items"]).known
            return lambda value: [known(v) for v in value] if type(value) is list else value
        if "properties" not in schema and "patternProperties" not in schema:
            return _same
        named = {name: self.node(inner) for name, inner in schema.get("properties", {}).items()}
        patterns = self._patterns(schema)

        def of(name: str) -> Node | None:
            own = named.get(name)
            return own or next((node for source, node in patterns if source.search(name)), None)

        def keep(value: Json) -> Json:
            if type(value) is not dict:
                return value
            pairs = ((name, member, of(name)) for name, member in value.items())
            return {name: node.known(member) for name, member, node in pairs if node is not None}

        return keep


def _simple(
    keyword: str, value: Json, schema: dict[str, Json]
) -> tuple[Accepts, str] | None:
    """The check of a keyword that holds no schemas."""
    match keyword:
        case "type" if type(value) is str:
            return _type(value), f"is not of the type {value}"
        case "type":
            kinds = [_type(name) for name in value]
            names = " or ".join(value)
            return lambda v: any(kind(v) for kind in kinds), f"is not of the type {names}"
        case "enum" if all(type(word) is str for word in value):
            words = frozenset(value)
            message = "is none of the words that the schema lists"
            return lambda v: type(v) is str and v in words, message
        case "enum":
            return lambda v: any(equal(v, one) for one in value), "is none of the listed values"
        case "minimum":
            excluded = schema.get("exclusiveMinimum") is True
            message = "is less than the schema allows"
            if excluded:
                return lambda v: not _is_number(v) or v > value, message
            return lambda v: not _is_number(v) or v >= value, message
        case "maximum":
            excluded = schema.get("exclusiveMaximum") is True
            message = "is more than the schema allows"
            if excluded:
                return lambda v: not _is_number(v) or v < value, message
            return lambda v: not _is_number(v) or v <= value, message
        case "multipleOf":
            if type(value) is not int:
                raise ValueError("multipleOf: only of integers")
            return lambda v: not _is_number(v) or v % value == 0, f"is no multiple of {value}"
        case "minLength":
            message = f"has fewer than {value} characters"
            return lambda v: type(v) is not str or len(v) >= value, message
        case "maxLength":
            message = f"has more than {value} characters"
            return lambda v: type(v) is not str or len(v) <= value, message
        case "pattern":
            # Length before pattern, so that a pattern never runs over an unbounded text.
            search = pattern(value).search
            most = schema.get("maxLength", float("inf"))
            message = "does not fit its pattern"
            return (
                lambda v: type(v) is not str or len(v) > most or search(v) is not None,
                message,
            )
        case "format":
            fits = FORMATS.get(value)
            if fits is None:
                raise ValueError(f"unknown format {value}")
            return lambda v: type(v) is not str or fits(v), f"is no {value}"
        case "minItems":
            message = f"has fewer than {value} items"
            return lambda v: type(v) is not list or len(v) >= value, message
        case "maxItems":
            message = f"has more than {value} items"
            return lambda v: type(v) is not list or len(v) <= value, message
        case "uniqueItems" if value is True:
            return lambda v: type(v) is not list or _unique(v), "has an item twice"
        case "minProperties":
            message = f"has fewer than {value} members"
            return lambda v: type(v) is not dict or len(v) >= value, message
        case "maxProperties":
            message = f"has more than {value} members"
            return lambda v: type(v) is not dict or len(v) <= value, message
        case _:
            return None


def _type(name: Any) -> Accepts:
    if name not in _TYPES:
        raise ValueError(f"unknown type {name}")
    return _TYPES[name]


def _same(value: Json) -> Json:
    return value


def _check(keyword: str, accepts: Accepts, message: str) -> Node:
    def report(value: Json, at: str) -> Iterator[FieldError]:
        if not accepts(value):
            yield FieldError(at, message, keyword)

    return Node(accepts, report, _same)


def _all(nodes: list[Node], known: Known) -> Node:
    checks = tuple(node.accepts for node in nodes)

    def report(value: Json, at: str) -> Iterator[FieldError]:
        for node in nodes:
            yield from node.report(value, at)

    if len(checks) == 1:
        return Node(checks[0], report, known)

    def accepts(value: Json) -> bool:
        for check in checks:
            if not check(value):
                return False
        return True

    return Node(accepts, report, known)


def _items(node: Node) -> Node:
    check = node.accepts

    def accepts(value: Json) -> bool:
        return type(value) is not list or all(map(check, value))

    def report(value: Json, at: str) -> Iterator[FieldError]:
        if type(value) is list:
            for n, item in enumerate(value):
                yield from node.report(item, f"{at}/{n}")

    return Node(accepts, report, _same)


def _required(names: list[str]) -> Node:
    wanted = frozenset(names)

    def accepts(value: Json) -> bool:
        return type(value) is not dict or wanted <= value.keys()

    def report(value: Json, at: str) -> Iterator[FieldError]:
        if type(value) is dict:
            for name in names:
                if name not in value:
                    yield FieldError(f"{at}/{token(name)}", "is missing", "required")

    return Node(accepts, report, _same)


def _unique(items: list[Json]) -> bool:
    if all(type(item) is str for item in items):
        return len(set(items)) == len(items)
    return not any(equal(item, other) for n, item in enumerate(items) for other in items[:n])
