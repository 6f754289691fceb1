"""What may be said with every call, for the asynchronous client and the blocking one alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from sild.adapter.bodies import Body
from sild.adapter.connections import Timeouts
from sild.adapter.context import CallContext
from sild.adapter.rest import Params

__all__ = ["CallOptions", "RestOptions"]


class CallOptions(TypedDict, total=False):
    """context: instead of the client's own.  query_id: X-Road-Id, a fresh one by default; must be unique for ever.
    idempotent: True when the service does no more at the second time than at the first; by default the method says.
    timeouts: instead of the client's own.
    """

    context: CallContext
    query_id: str
    idempotent: bool
    timeouts: Timeouts


class RestOptions(CallOptions, total=False):
    """params: the query; None leaves one out, a list repeats it.  headers: the caller's own, passed on to the service.
    json: any value, sent as application/json.  body: bytes, a file, an iterable, or a function that gives one; content_type: of it.
    """

    params: Params
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    json: object
    body: Body
    content_type: str
