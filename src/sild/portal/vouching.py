"""Proof of who acts, for registers: the identity provider's word out of the log-in of whoever sits at the desk (`sild.cases.Voucher`)."""

from __future__ import annotations

from collections.abc import Sequence

from sild.cases import Actor
from sild.errors import Unavailable
from sild.identity_client import LoginRefused, RelyingParty
from sild.openid import CaseAccess, RecordedMandate
from sild.portal.sessions import Sessions

__all__ = ["SessionVoucher"]


class SessionVoucher:
    def __init__(self, sessions: Sessions, provider: RelyingParty) -> None:
        self._sessions = sessions
        self._provider = provider

    async def vouch(
        self, actor: Actor, case: str, registers: Sequence[str], *, acts: bool, operations: Sequence[str] = ()
    ) -> str | None:
        """None: the session has ended. Raises Unavailable, also when the log-in ended at the provider this moment: the next page says so."""
        access_token = await self._sessions.access_token(actor.session, actor.person)
        if access_token is None:
            return None
        mandate = None
        if actor.mandate_sha256 is not None and actor.representee is not None:
            mandate = RecordedMandate(str(actor.mandate_id), actor.representee, actor.mandate_sha256)
        wanted = CaseAccess(
            case,
            tuple(registers),
            "act" if acts else "look",
            tuple(operations),
            representees=actor.speaks_for,
            mandate=mandate,
            statement=actor.statement_sha256,
        )
        try:
            return await self._provider.exchange(access_token, wanted)
        except LoginRefused as refusal:
            raise Unavailable(
                "the identity provider does not vouch for the log-in", code="identity_provider_down"
            ) from refusal
