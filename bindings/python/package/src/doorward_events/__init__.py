"""Door events: typed, validated on creation and on receipt, published, received, signed."""

from __future__ import annotations

from .cloudevents import (
    CLOUD_EVENT_MEDIA_TYPE,
    MAX_CLOUD_EVENT_BYTES,
    from_cloud_event,
    to_cloud_event,
)
from .contract import AnyType, EventType, Form, RegisteredPublisher, schema
from .draft4 import FieldError
from .envelope import Draft, Envelope, PublisherId, TraceContext, instant, seal
from .generated import reader, types, words, writer
from .generated.contract import CONTRACT
from .read import ClockInterval, GatewayOrigin, Received, read, read_any
from .uuid7 import uuid7
from .validate import MAX_DEPTH, MAX_EVENT_BYTES, Rejected, RejectedCode, validate

__all__ = [
    "CLOUD_EVENT_MEDIA_TYPE",
    "CONTRACT",
    "MAX_CLOUD_EVENT_BYTES",
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
    "from_cloud_event",
    "instant",
    "read",
    "read_any",
    "reader",
    "schema",
    "seal",
    "to_cloud_event",
    "types",
    "uuid7",
    "validate",
    "words",
    "writer",
]
