"""Door events: typed, validated on creation and on receipt, published, received, signed."""

from __future__ import annotations

from .contract import AnyType, EventType, Form, RegisteredPublisher, schema
from .draft4 import FieldError
from .envelope import Draft, Envelope, PublisherId, TraceContext, instant, seal
from .generated import reader, types, words, writer
from .generated.contract import CONTRACT
from .read import ClockInterval, GatewayOrigin, Received, read, read_any
from .uuid7 import uuid7
from .validate import MAX_DEPTH, MAX_EVENT_BYTES, Rejected, RejectedCode, validate

__all__ = [
    "CONTRACT",
    "MAX_DEPTH",
    "MAX_EVENT_BYTES",
    "AnyType",
    "ClockInterval",
    "Draft",
    "Envelope",
    "EventType",
    "FieldError",
    "Form",
    "GatewayOrigin",
    "PublisherId",
    "Received",
    "RegisteredPublisher",
    "Rejected",
    "RejectedCode",
    "TraceContext",
    "instant",
    "read",
    "read_any",
    "reader",
    "schema",
    "seal",
    "types",
    "uuid7",
    "validate",
    "words",
    "writer",
]
