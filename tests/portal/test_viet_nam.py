"""A portal of Viet Nam: case system, texts and calendar of its profile; the citizen's half of J1 over HTTP, in Vietnamese."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from cases.village import OFFICIAL_VN, Village, couples, official
from sild.asgi import serve_application
from sild.identity_provider import ClientSettings, IdentityProvider, IdentityProviderSettings, TestPerson
from sild.nation.browser import Browser
from sild.nation.journeys import log_in, screen_sent
from sild.portal import Portal, PortalCases, PortalSettings

SECRET = "v" * 43
ACCOUNT = "9704360123456789"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class VietNam:
    """Identity provider and portal over a village of registers, on one event loop."""

    def __init__(self, directory: Path, village: Village, people) -> None:  # type: ignore[no-untyped-def]
        self.village = village
        identity, portal = free_port(), free_port()
        self.issuer, self.url = f"http://localhost:{identity}", f"http://localhost:{portal}"
        self._ports = (identity, portal)
        client = ClientSettings(
            client_id="portal",
            name="Sild",
            redirect_uris=(f"{self.url}/callback",),
            secret_sha256=hashlib.sha256(SECRET.encode()).hexdigest(),
            scopes=("openid", "representee", "official"),
            refresh_tokens=True,
        )
        zone = village.packs.profile.zone
        self.provider = IdentityProvider(
            IdentityProviderSettings(
                directory=directory / "identity",
                issuer=self.issuer,
                key_password=SecretStr("secret"),
                languages=("vi", "en", "et"),
                time_zone=zone,
                clients=(client,),
                test_people=tuple(
                    TestPerson(
                        subject=f"VN{one.code}", given_name=one.given_names, family_name=one.family_name
                    )
                    for one in people
                ),
            ),
            village.clock,
        )
        settings = PortalSettings(
            directory=directory / "portal",
            url=self.url,
            issuer=self.issuer,
            client_secret=SecretStr(SECRET),
            key_password=SecretStr("secret"),
            languages=("vi", "en", "et"),
            time_zone=zone,
        )
        cases = PortalCases(village.cases, village.packs)
        self.portal = Portal(settings, cases, village.wire, village.packs.profile, village.clock)

    async def __aenter__(self):  # type: ignore[no-untyped-def]
        self._servers = [
            await serve_application(app, "127.0.0.1", port)
            for app, port in zip((self.provider.app, self.portal.app), self._ports, strict=True)
        ]
        return self

    async def __aexit__(self, *_raised: object) -> None:
        for server in self._servers:
            await server.close()
        self.portal.close()
        self.provider.close()

    async def someone(self, person) -> Browser:  # type: ignore[no-untyped-def]
        browser = Browser("vi")
        known = {"country": "VN", "code": person.code}
        await log_in(browser, self.url, known)
        return browser


async def test_a_birth_in_viet_nam(tmp_path: Path) -> None:
    (mother, father), *_ = couples(1, "VN")
    async with (
        Village(tmp_path / "village", country="VN") as village,
        VietNam(tmp_path, village, (mother, father)) as vietnam,
    ):
        child = await village.born(mother.code)
        hers, his = await vietnam.someone(mother), await vietnam.someone(father)
        home = await hers.open(f"{vietnam.url}/home")
        assert "birth.check_and_name" in str(home.link("/screens/"))
        page = await home.go(str(home.link("/screens/birth.check_and_name")))
        case = page.url.split("/cases/")[1].split("/")[0]
        form = page.form("/screens/")
        answers = {
            "f.given_names": "Thị Hồng Ánh",
            "f.family_name": form.options("f.family_name")[0],
            "f.address": form.options("f.address")[0],
            "f.wants_place": "no",
            "do": "DECLARE",
        }
        receipt = await screen_sent(page, answers)
        assert "Tên" in page.text and "Name" not in page.text and receipt.status == 200
        await village.settle()
        screen = await his.open(f"{vietnam.url}/cases/{case}/screens/birth.cosign")
        assert "Thị Hồng Ánh" in screen.text
        await screen_sent(screen, {"do": "COSIGN"})
        await village.settle()
        office = await village.office(case)
        assert office.startswith("birth@")
        decider = replace(official(office), person=f"VN{OFFICIAL_VN}")
        assert (await village.cases.view(case, decider)).status == "AGREED", (
            "an official decides here, not a rule"
        )
        await village.act(case, "APPROVE", decider)
        person = await village.ask("population", "GET", f"/persons/{child}")
        assert person["given_names"] == "Thị Hồng Ánh"
        page = await hers.open(f"{vietnam.url}/cases/{case}")
        assert "Khai sinh" in page.text or "khai sinh" in page.text
        offer = await hers.open(f"{vietnam.url}/cases/{case}/screens/birth.offer")
        assert "₫" in offer.text, "money of Viet Nam"
        answers = {
            "do": "ACCEPT",
            "f.account": ACCOUNT,
            "f.choice": offer.form("/screens/").options("f.choice")[0],
        }
        await screen_sent(offer, answers)
        await village.settle()
        page = await hers.open(f"{vietnam.url}/cases/{case}")
        view = await village.cases.view(case, decider)
        assert view.status in ("GRANTED", "CLOSED") and "GRANTED" not in page.text
