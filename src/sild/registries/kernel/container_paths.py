"""`GET /persons/{person}/usage-container`: the evidence of one line of the tracker, out of the register's own message log (ADR 0049)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query, Response
from fastapi.routing import APIRoute

from sild.errors import CallerError, PlatformError, Unavailable
from sild.openid import RECORDED
from sild.registries.kernel.asking import SaidByPerson
from sild.registries.kernel.containers import Part, Reader, give
from sild.registries.kernel.usage import Line, Usage, code_of
from sild.signatures import ASICE_TYPE
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.registries.kernel.kernel import Kernel

__all__ = ["ACTION", "OPERATION", "add_containers"]

log = get_logger("register")

OPERATION = "getUsageContainer"
ACTION = "The evidence of a message was taken"
AT_ONCE = 2
"""Messages that are read at a time: of each the log gives the body, too, which is left out here."""


def add_containers(app: FastAPI, kernel: Kernel) -> None:
    def parameters(method: str, path: str) -> Mapping[str, str] | None:
        for route in app.routes:
            if isinstance(route, APIRoute) and method in (route.methods or ()):
                found = route.path_regex.match(path)
                if found is not None:
                    return found.groupdict()
        return None

    places = asyncio.Semaphore(AT_ONCE)

    async def container(person: str, message_id: str, part: Part, usage: Usage) -> bytes:
        at_counter = (
            usage.spoken is not None and usage.spoken.basis == RECORDED
        )  # the portal's word, not the provider's
        if person not in usage.own or at_counter:
            raise _unknown()
        lines = await asyncio.to_thread(kernel.lines_of, person, message_id)
        if not lines:
            raise _unknown()
        async with places:
            containers = await _logged(kernel, message_id, lines)
            return await asyncio.to_thread(
                give,
                containers,
                lines,
                part,
                Reader.of(person, usage),
                system=kernel.system.strip("/"),
                parameters=parameters,
            )

    @app.get(
        "/persons/{person}/usage-container",
        operation_id=OPERATION,
        response_class=Response,
        responses={200: {"description": "ASiC-E", "content": {ASICE_TYPE: {}}}},
    )
    async def get_usage_container(
        person: Annotated[str, Path(max_length=100, description="Whose tracker it is, as in `userCode`")],
        usage: SaidByPerson,
        messageId: Annotated[str, Query(max_length=255, description="Of a use in /findUsage")],
        part: Annotated[Part, Query(description="Of the exchange")] = "request",
    ) -> Response:
        """The signed and time-stamped message by which somebody used the person's data, or was told of it, without its body: for them alone."""
        code = code_of(person)
        given = b""
        refusal: CallerError | None = None
        try:
            given = await container(code, messageId, part, usage)
        except CallerError as error:
            refusal = error
        await asyncio.to_thread(_record, kernel, usage, code, refusal)
        return Response(given, media_type=ASICE_TYPE)


def _unknown() -> CallerError:
    """The same for what is withheld, another's, and not there."""
    return CallerError("no message about the person that they may see has this id", code="unknown_message")


async def _logged(kernel: Kernel, message_id: str, lines: Collection[Line]) -> Sequence[bytes]:
    """Of the exchanges by which the person's data were used, as far as they are known and the server can choose.

    Raises CallerError (`not_in_log`, `too_many_messages`), Unavailable (`message_log_down`).
    """
    if kernel.logged is None:
        raise Unavailable("no message log is known to this register", code="message_log_down")
    try:
        return await kernel.logged(message_id, _request_ids(lines))
    except PlatformError as error:
        if isinstance(error, CallerError) and error.code == "not_found":
            raise CallerError("the message log no longer holds this message", code="not_in_log") from error
        if error.code == "too_many_messages":
            clients = " ".join(sorted({line.client for line in lines}))
            log.warning("register.too_many_messages", message_id=message_id, clients=clients)
            raise CallerError(
                "too much lies in the log under this message's id: ask the body why", code="too_many_messages"
            ) from error
        log.refusal("register.message_log_failed", error, message_id=message_id)
        raise Unavailable(
            "the message log does not answer", code="message_log_down", retry_after=30
        ) from error


def _request_ids(lines: Collection[Line]) -> frozenset[str]:
    """None: there is a line of which it is not known, an event that was told among them."""
    known = [line.request_id for line in lines if line.request_id is not None]
    return frozenset(known if len(known) == len(lines) else ())


def _record(kernel: Kernel, usage: Usage, person: str, refusal: CallerError | None) -> None:
    """Before anything leaves. Blocks."""
    with kernel.used(OPERATION, usage) as use:
        use.concerns(person)
        if refusal is not None:
            raise refusal
