"""A paper put in a wallet, on the person's side: the offer as a code, as a link for a wallet on the same device, and what came of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from markupsafe import Markup
from starlette.responses import Response

from sild.cases import register_code
from sild.documents import qr_svg
from sild.errors import CallerError
from sild.openid import CredentialKind, credential_offer, offer_link
from sild.portal.edge import redirect
from sild.portal.pages import Pages
from sild.portal.papers import PaperPages
from sild.portal.ports import Exchange
from sild.portal.sessions import Sessions
from sild.portal.settings import PaperSource, PortalSettings, WalletSource
from sild.portal.visit import LoginNeeded, Visit
from sild.portal.vouching import SessionVoucher
from sild.portal.wallet_offers import DIGITS, WalletOffers

__all__ = ["WalletPages", "kind_of"]


class WalletPages:
    def __init__(
        self,
        pages: Pages,
        papers: PaperPages,
        sessions: Sessions,
        offers: WalletOffers,
        exchange: Exchange,
        voucher: SessionVoucher,
        settings: PortalSettings,
    ) -> None:
        self._pages = pages
        self._papers = papers
        self._sessions = sessions
        self._offers = offers
        self._exchange = exchange
        self._voucher = voucher
        self._settings = settings

    async def offer(self, visit: Visit) -> Response:
        """Of the paper, which its register says holds now. Raises CallerError (`not_found`, `too_many_offers`)."""
        source, wallet = self._for_wallets(visit)
        await self._papers.valid(visit)
        assert visit.session is not None, "the route's access is for logged-in people"
        fresh = await self._sessions.fresh_token(visit.session)
        if fresh is None:
            raise LoginNeeded(await self._sessions.end_reason(visit.session.cookie))
        actor = visit.person
        content = {
            "access_token": fresh[0],
            "person": actor.person,
            "represented": actor.acting_for if actor.acting_for != actor.person else None,
            "case": self._pages.own_look(visit),
            "path": wallet.path.format(person=quote(register_code(actor.acting_for), safe="")),
        }
        made = await self._offers.make(
            subject=actor.person,
            acting_for=actor.acting_for,
            paper=source.name,
            cookie=visit.session.cookie,
            content=content,
            seconds=fresh[1],
        )
        return redirect(f"/papers/{source.name}/wallet/{made}")

    async def end(self, visit: Visit) -> Response:
        """What the person has of it in a wallet holds no longer: the phone is lost, say. The register says so in its status list."""
        source, wallet = self._for_wallets(visit)
        actor, case = visit.person, self._pages.own_look(visit)
        register = self._exchange.system(source.subsystem)
        await self._exchange.call(
            source.subsystem,
            "POST",
            wallet.path.format(person=quote(register_code(actor.acting_for), safe="")) + "/end",
            case=case,
            basis=self._settings.own_data_basis,
            acting=actor.person,
            represented=actor.acting_for if actor.acting_for != actor.person else None,
            proof=await self._voucher.vouch(
                actor, case, [register], acts=True, operations=[wallet.end_operation]
            ),
            message_id=str(uuid4()),
        )
        return redirect(f"/papers/{source.name}?ended=1#wallet")

    async def mine(self, visit: Visit) -> Response:
        """Raises CallerError (`not_found`): another's, or long over."""
        source, _wallet = self._for_wallets(visit)
        assert visit.session is not None, "the route's access is for logged-in people"
        found = await self._offers.shown(
            visit.call.parameters["offer"],
            subject=visit.person.person,
            paper=source.name,
            cookie=visit.session.cookie,
        )
        if found is None:
            raise CallerError("no such offer", code="not_found")
        values: dict[str, Any] = {"source": source, "offer": found, "link": "", "code": "", "number": ""}
        if found.code is not None and found.number is not None:
            say = self._pages.texts.speaker(visit.language)
            offer = credential_offer(
                kind_of(self._pages, source, self._settings),
                found.code,
                digits=DIGITS,
                hint=say("wallet.hint"),
            )
            link = offer_link(offer)
            half = DIGITS // 2
            values |= {
                "link": link,
                "code": Markup(qr_svg(link).decode()),  # noqa: S704  our own drawing, no text in it
                "number": f"{found.number[:half]} {found.number[half:]}",
            }
        return self._pages.page(visit, "wallet.html", values)

    def _for_wallets(self, visit: Visit) -> tuple[PaperSource, WalletSource]:
        source = self._papers.source(visit.call.parameters["paper"])
        if source.wallet is None or source.several or visit.is_company:
            raise CallerError("this paper is not for wallets", code="not_found")
        return source, source.wallet


def kind_of(pages: Pages, source: PaperSource, settings: PortalSettings) -> CredentialKind:
    """What wallets are told of a paper. Raises CallerError (`not_found`): it is not for them."""
    if source.wallet is None:
        raise CallerError("this paper is not for wallets", code="not_found")
    say = {language: pages.texts.speaker(language) for language in pages.texts.languages}
    return CredentialKind(
        issuer=f"{settings.url.rstrip('/')}/papers/{source.name}",
        name=source.name,
        vct=source.wallet.vct,
        title={language: pages.text(source.title, language) for language in say},
        claims={
            claim: {language: speak(f"claim.{claim}") for language, speak in say.items()}
            for claim in source.wallet.claims
        },
    )
