"""What generated code says about event types and publishers: the one place where hand-written and
generated code meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, Literal, TypeVar

from .draft4 import Validator
from .jsontext import parse

W = TypeVar("W")
R = TypeVar("R")
S = TypeVar("S")

Direction = Literal["from_gateway", "to_gateway", "between_services", "platform"]
"""Who sends a type to whom."""
Audience = Literal["public", "operational", "restricted"]
"""Who may receive a type."""
Form = Literal["writer", "reader"]
"""Which of a type's two schemas applies."""


@dataclass(frozen=True, slots=True)
class EventType(Generic[W, R, S]):
    """An event type. ``W``: its data as a writer is bound to it; ``R``: as a reader gets it;
    ``S``: the statement that it carries."""

    name: str
    version: str
    """MAJOR.MINOR of the schema that these bindings write."""
    direction: Direction
    audience: Audience
    personal: bool
    """Whether its events are personal data."""
    summary: str
    publish: bool
    """Whether the bindings were made to publish it."""
    subscribe: bool
    """Whether the bindings were made to receive it."""
    statement: str | None = None
    """What its member ``signed`` holds, where it carries authority."""


AnyType = EventType[object, object, object]


@dataclass(frozen=True, slots=True)
class RegisteredPublisher:
    """A publisher that the platform knows."""

    name: str
    accounts: tuple[str, ...]
    """The AWS accounts that it publishes from. None: the platform's own."""
    is_gateway: bool
    publishes: frozenset[str]
    """The types that it may publish, as far as the bindings know them."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What the bindings were made from."""

    types: Mapping[str, AnyType]
    publishers: Mapping[str, RegisteredPublisher]


def schema(name: str) -> str:
    """The composed Draft-04 schema ``TYPE.writer``, ``TYPE.reader`` or ``NAME.statement``.

    Raises :class:`FileNotFoundError` for one that the bindings were made without."""
    folder = files(__package__) / "generated" / "schemas"
    return (folder / f"{name}.json").read_text(encoding="utf-8")


@cache
def validator(name: str) -> Validator:
    """The validator of the schema :func:`schema` gives."""
    return Validator(parse(schema(name)))
