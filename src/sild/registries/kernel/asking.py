"""Who asks, in which case and on which ground, as X-Road's headers say it (PR-REST 4.3): what an endpoint takes as `usage`."""

from __future__ import annotations

from typing import Annotated, overload

from fastapi import Depends, Header, Request

from sild.errors import CallerError, PlatformError
from sild.registries.kernel.proving import ACTING_HEADER, Desk, Proofs
from sild.registries.kernel.usage import Usage

__all__ = ["AnyUsage", "AtDesk", "PersonalUsage"]

_HIDDEN = {"include_in_schema": False}  # X-Road's own; the provider's security server sends them
ClientHeader = Annotated[str | None, Header(alias="X-Road-Client", max_length=1_100, **_HIDDEN)]
IdHeader = Annotated[str | None, Header(alias="X-Road-Id", max_length=255, **_HIDDEN)]
RequestIdHeader = Annotated[str | None, Header(alias="X-Road-Request-Id", max_length=255, **_HIDDEN)]
UserIdHeader = Annotated[str | None, Header(alias="X-Road-UserId", max_length=255, **_HIDDEN)]
IssueHeader = Annotated[str | None, Header(alias="X-Road-Issue", max_length=255, **_HIDDEN)]
PartyHeader = Annotated[str | None, Header(alias="X-Road-Represented-Party", max_length=600, **_HIDDEN)]
BasisHeader = Annotated[
    str | None,
    Header(alias="Sild-Legal-Basis", max_length=255, description="The one legal ground of this use"),
]
GroundHeader = Annotated[str | None, Header(alias="X-Road-Legal-Ground", max_length=255, **_HIDDEN)]
"""What Sild's adapter calls it."""


def _any_usage(
    client: ClientHeader = None,
    message_id: IdHeader = None,
    request_id: RequestIdHeader = None,
    user_id: UserIdHeader = None,
    issue: IssueHeader = None,
    party: PartyHeader = None,
    basis: BasisHeader = None,
    ground: GroundHeader = None,
) -> Usage:
    if not client or not message_id:
        raise CallerError(
            "X-Road-Client and X-Road-Id say who asks; a security server sends them",
            code="missing_x_road_header",
        )
    if basis and ground and basis != ground:
        raise CallerError("a use has one legal ground, not two", code="missing_legal_basis")
    return Usage(
        client=_utf8(client),
        message_id=_utf8(message_id),
        request_id=_utf8(request_id),
        user_id=_utf8(user_id),
        issue=_utf8(issue),
        basis=_utf8(basis or ground),
        represented_party=_utf8(party),
    )


@overload
def _utf8(text: str) -> str: ...
@overload
def _utf8(text: str | None) -> str | None: ...
def _utf8(text: str | None) -> str | None:
    """X-Road's headers are UTF-8 (PR-REST 4.3), and ASGI reads them as Latin-1: `PHS § 10`, `Điều 53`."""
    try:
        return text.encode("latin-1").decode() if text else text
    except UnicodeError:
        return text


def _personal_usage(usage: Annotated[Usage, Depends(_any_usage)]) -> Usage:
    if not usage.user_id or not usage.basis:
        raise CallerError(
            "X-Road-UserId names the person acting, or `automatic`; Sild-Legal-Basis the ground of this use",
            code="missing_legal_basis",
        )
    return usage


AnyUsage = Annotated[Usage, Depends(_any_usage)]
"""Who asks, where no personal data is given."""

PersonalUsage = Annotated[Usage, Depends(_personal_usage)]
"""Who asks for personal data, who is acting, and on which ground."""


async def _desk(
    request: Request,
    usage: PersonalUsage,
    token: Annotated[
        str | None,
        Header(
            alias=ACTING_HEADER,
            max_length=32_768,
            description="The identity provider's word that the person acts in this case",
        ),
    ] = None,
) -> Desk:
    """The refusal waits for `ensure`, in the transaction that records it."""
    proofs: Proofs | None = request.app.state.kernel.proofs
    if usage.actor is None:
        return Desk(None)
    if proofs is None:
        closed = CallerError("no identity provider is known to this register", code="acting_not_proven")
        return Desk(None, closed)
    try:
        return Desk(await proofs.check(token, usage))
    except PlatformError as refusal:
        return Desk(None, refusal)


AtDesk = Annotated[Desk, Depends(_desk)]
"""Of whatever officials alone do."""
