"""The port to other bodies, and it on X-Road: every call a message with case, ground and person acting."""

from __future__ import annotations

import json
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from sild.adapter import (
    AsyncXRoadClient,
    CallContext,
    ClientId,
    RepresentedParty,
    ServiceError,
    ServiceId,
    XRoadFault,
)
from sild.adapter.options import RestOptions
from sild.cases.process import ExchangeAnswer
from sild.errors import CallerError, Unavailable

__all__ = ["BASIS_HEADER", "Exchange", "XRoadExchange", "message_id_of", "new_message_id"]

BASIS_HEADER = "Sild-Legal-Basis"
OFFICE_HEADER = "Sild-Office"
ACTING_HEADER = "Sild-Acting"
APPLIED_HEADER = "Sild-Applied"
JSON = "application/json"
FILES = (
    "application/pdf",
    "application/statuslist+jwt",
    "application/vnd.etsi.asic-e+zip",
    "application/x-ebrs+xml",
    "multipart/related",
)


class Exchange(Protocol):
    """Calls services as the subsystem of the case system."""

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        case: str | None,
        basis: str | None,
        acting: str,
        message_id: str,
        represented: str | None = None,
        proof: str | None = None,
        applied: str | None = None,
        office: str | None = None,
    ) -> ExchangeAnswer:
        """service: `GOV/70000002/population`; of another instance `/VN/GOV/70000002/population`.  path: with its query.  body: what json.dumps takes, bytes as they are, or None.  acting: with country.
        represented: whose word it is, with country, when the person acting says it for them (X-Road-Represented-Party).
        proof: the identity provider's word about who acts (Sild-Acting).  applied: the same of who applied for another, when somebody
        else acts now (Sild-Applied).  office: for which the case system asks, `birth@0793` (Sild-Office).

        Raises CallerError with the code of the service's problem (detail `status`), PeerError, TrustError, Unavailable.
        """
        ...


class XRoadExchange:
    """`Exchange` on the adapter. The service code is the subsystem's, unless it stands after it."""

    def __init__(self, client: AsyncXRoadClient) -> None:
        self._client = client

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        case: str | None,
        basis: str | None,
        acting: str,
        message_id: str,
        represented: str | None = None,
        proof: str | None = None,
        applied: str | None = None,
        office: str | None = None,
    ) -> ExchangeAnswer:
        instance = self._client.client.instance_identifier
        if service.startswith("/"):
            instance, _, service = service[1:].partition("/")
        member_class, member, subsystem, *code = service.split("/")
        address = ServiceId(ClientId(instance, member_class, member, subsystem), *(code or [subsystem]))
        parts = urlsplit(path)
        options: RestOptions = {
            "params": parse_qsl(parts.query, keep_blank_values=True),
            "context": CallContext(
                user_id=acting,
                issue=case,
                represented_party=None if represented is None else RepresentedParty(None, represented),
            ),
            "headers": {
                name: value
                for name, value in (
                    (BASIS_HEADER, basis),
                    (OFFICE_HEADER, office),
                    (ACTING_HEADER, proof),
                    (APPLIED_HEADER, applied),
                )
                if value is not None
            },
            "query_id": message_id,
            "idempotent": True,  # registers keep their answers by message id
        }
        if body is not None:
            is_raw = isinstance(body, bytes)
            options["body"] = body if is_raw else json.dumps(body, ensure_ascii=False).encode()
            options["content_type"] = content_type
        try:
            answer = await self._client.request(
                method,
                address,
                [unquote(segment) for segment in parts.path.strip("/").split("/")],
                **options,
            )
            answer.ensure_success()
            is_file = answer.content_type.partition(";")[0].strip().lower() in FILES
            read = answer.json() if answer.body and not is_file else None
        except ServiceError as error:
            raise _refusal(error) from error
        except XRoadFault as fault:
            if isinstance(
                fault, CallerError
            ):  # a right may be granted, a service added: no fault of the person's
                raise Unavailable(f"the exchange refused: {fault.message}", code=fault.code) from fault
            raise
        file, kind = (answer.body, answer.content_type) if is_file else (b"", "")
        return ExchangeAnswer(answer.status, read, message_id, file, kind)


def _refusal(error: ServiceError) -> Exception:
    if not isinstance(error, CallerError):
        return error
    """errors, pointers: what was wrong and where it was sent (RFC 6901), in one order, parted by commas."""
    code, errors, pointers = "http_error", "", ""
    try:
        problem = json.loads(error.body)
        code = str(problem["type"]).rpartition(":")[2] or code
        faults = [fault for fault in problem.get("errors") or () if "code" in fault]
        errors = ",".join(str(fault["code"]) for fault in faults)
        pointers = ",".join(str(fault.get("pointer", "")) for fault in faults)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return CallerError(
        error.message, code=code[:100], status=error.status, errors=errors[:1_000], pointers=pointers[:1_000]
    )


def message_id_of(system: str, *causes: str) -> str:
    """The id of the message that these causes have, the same each time. system: `/SILD/GOV/70000001/portal`."""
    return f"{_instance(system)}-{uuid5(NAMESPACE_URL, 'urn:sild:message:' + '|'.join((system, *causes)))}"


def new_message_id(system: str) -> str:
    return f"{_instance(system)}-{uuid4()}"


def _instance(system: str) -> str:
    return system.strip("/").split("/")[0]
