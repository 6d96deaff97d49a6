"""An event as a CloudEvents 1.0 message in JSON, and back, with the same bytes as the Rust library.

Every member of the platform's layer and of a gateway's origin is an attribute of its own; what no
attribute can hold, as members that these bindings do not know, travels as one text of JSON in the
attribute ``othermembers``. The attributes are the same for ever. The table is in
``docs/bindings.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .draft4 import token
from .envelope import PublisherId
from .jsontext import NotJson, members, parse, write
from .text import bounded_text
from .validate import MAX_EVENT_BYTES, Rejected, checked, parse_event, refused, type_of

CLOUD_EVENT_MEDIA_TYPE = "application/cloudevents+json"
"""The media type of what :func:`to_cloud_event` gives (CloudEvents JSON format 1.0, section 3)."""
MAX_CLOUD_EVENT_BYTES = 256 * 1024
"""The longest CloudEvents message that :func:`from_cloud_event` takes, in bytes. What
:func:`to_cloud_event` gives is always shorter."""

# Every attribute of the mapping, in the order in which they are written. Names are lower-case
# letters and digits, at most 20 (CloudEvents 1.0, "Naming Conventions").
_ATTRIBUTES = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "schemaversion",
    "tenantid",
    "test",
    "siteid",
    "entryid",
    "endpointid",
    "correlationid",
    "causationid",
    "traceparent",
    "tracestate",
    "recordedat",
    "journalid",
    "sequence",
    "typesequence",
    "clockearliest",
    "clocklatest",
    "clocktrust",
    "othermembers",
    "data",
)

# The two halves of ``source`` on their way. No attribute has a dot in its name.
_NAME = "publisher.name"
_INSTANCE = "publisher.instance"

# The digits of a count: as many as 2^53 has. With zeros before it, the order of the texts is that
# of the counts, as the extension "Sequence" asks for.
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a member of an event goes: to a String or Timestamp, to a Boolean, to a String of
    digits (an Integer has 32 bits only), or to ``data``."""

    kind: Literal["text", "truth", "count", "data"]
    attribute: str


@dataclass(frozen=True, slots=True)
class _Within:
    """The member's own members go to attributes of their own."""

    table: Mapping[str, _Place | _Within]


def _text(attribute: str) -> _Place:
    return _Place("text", attribute)


_CLOCK = {
    "earliest": _text("clockearliest"),
    "latest": _text("clocklatest"),
    "trust": _text("clocktrust"),
}
_GATEWAY: Mapping[str, _Place | _Within] = {
    "recorded_at": _text("recordedat"),
    "journal_id": _text("journalid"),
    "sequence": _Place("count", "sequence"),
    "type_sequence": _Place("count", "typesequence"),
    "clock": _Within(_CLOCK),
}
_TRACE_CONTEXT = {"traceparent": _text("traceparent"), "tracestate": _text("tracestate")}
# The members of an event, in the order in which publishers write them.
_EVENT: Mapping[str, _Place | _Within] = {
    "id": _text("id"),
    "type": _text("type"),
    "schema_version": _text("schemaversion"),
    "time": _text("time"),
    "publisher": _Within({"name": _text(_NAME), "instance": _text(_INSTANCE)}),
    "tenant_id": _text("tenantid"),
    "test": _Place("truth", "test"),
    "site_id": _text("siteid"),
    "entry_id": _text("entryid"),
    "endpoint_id": _text("endpointid"),
    "correlation_id": _text("correlationid"),
    "causation_id": _text("causationid"),
    "trace_context": _Within(_TRACE_CONTEXT),
    "data": _Place("data", "data"),
    "gateway": _Within(_GATEWAY),
}


def to_cloud_event(event: bytes | str) -> str:
    """The event as a message in the structured mode of CloudEvents 1.0: a JSON object of the media
    type :data:`CLOUD_EVENT_MEDIA_TYPE`.

    The event is checked in the reader's form. ``data`` keeps its very text. Raises
    :class:`~.validate.Rejected`, as too large also for an event whose unknown members would make it
    longer than :data:`~.validate.MAX_EVENT_BYTES` on the way back, where each character beyond
    ASCII in them is an escape."""
    checked(event, "reader")
    whole = _decoded(event)
    taken: dict[str, str] = {}
    rest = _split(members(whole, ()), _EVENT, taken)
    publisher = PublisherId(parse(taken.pop(_NAME)), parse(taken.pop(_INSTANCE)))
    taken["specversion"] = write("1.0")
    taken["source"] = write(publisher.source)
    taken["datacontenttype"] = write("application/json")
    subject = taken.get("entryid", taken.get("endpointid"))
    if subject is not None:
        taken["subject"] = subject
    if rest:
        carried = _object(rest)
        others = _printable(carried)
        back = len(whole.encode()) + len(others) - len(carried.encode())
        if back > MAX_EVENT_BYTES:
            message = f"{back} bytes; at most {MAX_EVENT_BYTES} are allowed"
            raise refused("too_large", message)
        taken["othermembers"] = write(others)
    return _object({name: taken[name] for name in _ATTRIBUTES if name in taken})


def from_cloud_event(cloud_event: bytes | str) -> str:
    """The event that a message of :func:`to_cloud_event` was made of, as a text that may go to the
    bus.

    Publishers write events without blanks and in one order; of such an event it is the very text.
    Attributes may come as ``null`` or, where they are Booleans, as a text, as after a hop in the
    binary mode. The event is checked in the reader's form.

    Raises :class:`~.validate.Rejected`, with a pointer into the message also for an attribute that
    is not of the mapping, since no event has a place for it and dropping it would lose it; for one
    of a wrong kind; for a ``subject`` that is not what the event says."""
    type_of(parse_event(cloud_event, MAX_CLOUD_EVENT_BYTES))
    given: dict[str, str] = {}
    for attribute, raw in members(_decoded(cloud_event), ()).items():
        # Unset (JSON format, section 2.2); of data it is a value.
        if raw == "null" and attribute != "data":
            continue
        if attribute not in _ATTRIBUTES:
            raise _wrong(attribute, "is not an attribute of an event")
        given[attribute] = raw
    rest = _unwrap(given)
    event = _object(_join(_EVENT, rest, given))
    checked(event, "reader")
    return event


def _decoded(message: bytes | str) -> str:
    """Of what was parsed already."""
    return message if isinstance(message, str) else bytes(message).decode()


def _object(parts: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{write(name)}:{raw}" for name, raw in parts.items()) + "}"


def _split(
    found: Mapping[str, str], table: Mapping[str, _Place | _Within], taken: dict[str, str]
) -> dict[str, str]:
    """Takes what has an attribute out of an object, and gives what is left of it."""
    rest: dict[str, str] = {}
    for name, raw in found.items():
        place = table.get(name)
        if isinstance(place, _Within) and raw.startswith("{"):
            before = len(taken)
            left = _split(members(raw, ()), place.table, taken)
            # An object that was empty before is not the same as none.
            if left or len(taken) == before:
                rest[name] = _object(left)
            continue
        value = _attribute(place, raw) if isinstance(place, _Place) else None
        if isinstance(place, _Place) and value is not None:
            taken[place.attribute] = value
        else:
            rest[name] = raw
    return rest


def _attribute(place: _Place, raw: str) -> str | None:
    """The JSON text of a member's attribute; ``None`` if no attribute can hold it."""
    match place.kind:
        case "text":
            text = _string(raw)
            plain = text is not None and re.fullmatch(r"[ -~]+", text)
            return write(text) if plain else None
        case "truth":
            return raw if raw in ("true", "false") else None
        case "count":
            fits = re.fullmatch(r"[0-9]{1,16}", raw)
            return write(raw.rjust(_DIGITS, "0")) if fits else None
        case "data":
            return raw


def _member(place: _Place, raw: str) -> str:
    """The text of the member that an attribute is of, on the way back."""
    match place.kind:
        case "text":
            text = _string(raw)
            if text is None:
                raise _wrong(place.attribute, "is not a text")
            return write(text)
        case "truth":
            word = re.fullmatch(r'"?(true|false)"?', raw)
            if word is None:
                raise _wrong(place.attribute, "is neither true nor false")
            return word[1]
        case "count":
            digits = _string(raw)
            if digits is None or not re.fullmatch(r"[0-9]{16}", digits):
                raise _wrong(place.attribute, "is not a text of 16 digits")
            return digits.lstrip("0") or "0"
        case "data":
            return raw


def _string(raw: str) -> str | None:
    """The text that a JSON string is."""
    if not raw.startswith('"'):
        return None
    text: str = parse(raw)
    return text


def _printable(json: str) -> str:
    """The same JSON in printable ASCII: a String of CloudEvents holds no control characters and no
    noncharacters ("Type System"). Beyond ASCII there are only texts; a control character is a blank
    between tokens, and only the last one of ASCII may stand in a text."""
    blank = re.sub(r"[\x00-\x1f]", " ", json)
    return re.sub(r"[^ -~]", lambda found: _escape(found[0]), blank)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _wrong(attribute: str, message: str) -> Rejected:
    return refused("invalid", message, f"/{token(bounded_text(attribute, 64))}")


def _unwrap(given: dict[str, str]) -> dict[str, str]:
    """Takes out the attributes that no member stands for by itself: checks them, puts the halves
    of ``source`` in their place, and gives the members that were carried."""

    def take(attribute: str) -> tuple[bool, str | None]:
        raw = given.pop(attribute, None)
        return raw is not None, None if raw is None else _string(raw)

    if take("specversion")[1] != "1.0":
        raise _wrong("specversion", "is not 1.0")
    there, content = take("datacontenttype")
    if there and not (content is not None and _is_json(content)):
        raise _wrong("datacontenttype", "is not application/json")
    (has_source, source), (has_subject, subject) = take("source"), take("subject")
    has_others, others = take("othermembers")
    if has_source:
        name, slash, instance = (source or "").partition("/")
        if not slash:
            raise _wrong("source", "is not NAME/INSTANCE")
        given[_NAME], given[_INSTANCE] = write(name), write(instance)
    about = given.get("entryid", given.get("endpointid"))
    expected = None if about is None else _string(about)
    if has_subject and (subject is None or subject != expected):
        raise _wrong("subject", "is not what the event is about")
    if not has_others:
        return {}
    try:
        parse_event(others or "")
        return members(others or "", ())
    except (Rejected, NotJson):
        raise _wrong("othermembers", "is not an object of JSON") from None


def _is_json(content: str) -> bool:
    """Whether it is the media type of JSON; parameters, as in ``charset=utf-8``, say nothing
    more."""
    return content.partition(";")[0].strip(" \t").lower() == "application/json"


def _join(
    table: Mapping[str, _Place | _Within], rest: dict[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """Puts the attributes' members and those that were carried together."""
    joined: dict[str, str] = {}
    for name, place in table.items():
        carried = rest.pop(name, None)
        member: str | None = None
        if isinstance(place, _Within):
            within: dict[str, str] | None = None
            if carried is not None and carried.startswith("{"):
                within, carried = members(carried, ()), None
            inner = _join(place.table, within or {}, given)
            if within is not None or inner:
                member = _object(inner)
        elif place.attribute in given:
            member = _member(place, given[place.attribute])
        if member is not None and carried is not None:
            raise _wrong("othermembers", "holds what an attribute says too")
        raw = carried if member is None else member
        if raw is not None:
            joined[name] = raw
    joined.update(rest)
    return joined
