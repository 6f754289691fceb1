"""A part of the first journey as a self-check: parents who are not married acknowledge paternity, each with a signature of their own."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from sild.errors import PeerError
from sild.nation.browser import Browser, Page
from sild.nation.journeys import Seen, log_in, soon, steps_of
from sild.nation.story import Step
from sild.nation.ward_walk import Ward
from sild.signatures import verify_signed_document

__all__ = ["sign", "tell_signing"]

SCREEN = "birth.paternity"


async def tell_signing(description: Mapping[str, Any]) -> AsyncIterator[Step]:
    """With a mother and a man of the self-check's own, once: started again, what they signed is still there."""
    journey = _Signing(description)
    first = (journey.ward_names_a_man, journey.he_signs, journey.she_signs)
    steps = (*(() if await journey.was_told() else first), journey.what_they_signed_holds)
    async for told in steps_of(steps):
        yield told


class _Signing:
    def __init__(self, description: Mapping[str, Any]) -> None:
        self._portal = str(description["portal"]["address"])
        self._issuer = str(description["openid"]["issuer"])
        authorities = Path(description["authorities_file"]).read_bytes()
        self._named = x509.load_pem_x509_certificates(authorities)
        people = {one["id"]: one for one in description["test_people"] if "id" in one}
        self._mother, self._man = people["check_unmarried_mother"], people["check_unmarried_father"]
        self._ward = Ward(str(description["ward"]["address"]), people["midwife"])
        self._browsers = {who["code"]: Browser() for who in (self._mother, self._man)}

    async def was_told(self) -> bool:
        return self._mother["code"] in (await self._ward.open()).text

    async def ward_names_a_man(self) -> Seen:
        said = {"mother": self._mother["code"], "father": self._man["code"], "sex": "male"}
        await self._ward.give_notice(said)
        return (
            "A mother who is not married names the child's father in the ward",
            {"ward": self._ward.address, "mother": self._mother["name"], "named": self._man["name"]},
        )

    async def he_signs(self) -> Seen:
        receipt, text = await self._signs(self._man, {})
        return (
            "He acknowledges paternity: he reads the statement at the signing service, and his log-in there, made for it, signs it",
            {"signing service": self._issuer, "statement": text, "receipt": receipt.url},
        )

    async def she_signs(self) -> Seen:
        receipt, text = await self._signs(self._mother, {"f.custody": "joint"})
        return "So does she", {"statement": text, "receipt": receipt.url}

    async def what_they_signed_holds(self) -> Seen:
        """The case gives the containers; who signed is read from them alone, with the country's authorities."""
        browser = self._browsers[self._mother["code"]]
        page = await log_in(browser, self._portal, self._mother)

        async def both() -> list[str] | None:
            for case in dict.fromkeys(
                link.split("/")[2] for link in (await page.go("/home")).links if link.startswith("/cases/")
            ):
                found = [link for link in (await page.go(f"/cases/{case}")).links if "/signed/" in link]
                if len(found) == 2:
                    return found
            return None

        links = await soon("she reads what both signed, once he is a parent", both)
        signers = {}
        for link in links:
            container = (await page.go(link)).body
            found = verify_signed_document(container, named=self._named)
            signers[found.person] = hashlib.sha256(found.document).hexdigest()
        wanted = {f"{who['country']}{who['code']}" for who in (self._mother, self._man)}
        if signers.keys() != wanted:
            raise PeerError(f"signed by {', '.join(signers)}")
        return (
            "Both statements stand in the case, signed and time-stamped (XAdES B-LT in ASiC-E); paternity is acknowledged",
            {f"SHA-256 signed by {person}": digest for person, digest in signers.items()},
        )

    async def _signs(self, who: Mapping[str, str], answers: Mapping[str, str]) -> tuple[Page, str]:
        browser = self._browsers[who["code"]]
        page = await log_in(browser, self._portal, who)

        async def waits() -> str | None:
            return (await page.go("/home")).link(f"/screens/{SCREEN}")

        link = await soon("the screen waits", waits)
        page = await page.go(link)
        page = await page.submit(page.form("/screens/"), {**answers, "do": "ACKNOWLEDGE"})
        return await sign(page, who)


async def sign(page: Page, who: Mapping[str, str]) -> tuple[Page, str]:
    """At the signing service, as a test person; gives the receipt, and the file name of what was signed. Raises PeerError."""
    subject = f"{who['country']}{who['code']}"
    if "/login/" not in page.url or subject not in page.text:
        raise PeerError(f"nothing to sign at {page.url} ({page.status}): {page.text[:500]}")
    name = next((word for word in page.text.split() if word.endswith("-acknowledge.txt")), "")
    after = await page.submit(page.form("/test"), {"subject": subject})
    if "/receipts/" not in after.url:
        raise PeerError(f"no receipt ({after.status}) at {after.url}: {after.text[:500]}")
    return after, name
