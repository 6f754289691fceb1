"""What a midwife or a doctor does in the ward, as a browser does it: they log in, write a notice, sign it."""

from __future__ import annotations

from collections.abc import Mapping

from sild.errors import PeerError
from sild.nation.browser import Browser, Page

__all__ = ["Ward"]


class Ward:
    """who: the test person of nation.json, a midwife or a doctor."""

    def __init__(self, address: str, who: Mapping[str, str]) -> None:
        self.address = address
        self.name = who["name"]
        self._subject = f"{who['country']}{who['code']}"
        self._browser = Browser()

    async def open(self) -> Page:
        """Their page, logged in. Raises PeerError."""
        page = await self._browser.open(self.address)
        login = next((form for form in page.forms if "/ward/login" in form.action), None)
        if login is not None:
            page = await page.submit(login)
            if any("/test" in form.action for form in page.forms):
                page = await page.submit(page.form("/test"), {"subject": self._subject})
        if not page.url.startswith(self.address) or page.status != 200:
            raise PeerError(f"the log-in ended at {page.url} ({page.status}): {page.text[:300]}")
        return page

    async def give_notice(self, said: Mapping[str, str]) -> Page:
        """Written and signed; the page that lists it. Raises PeerError."""
        return await self._write("/ward/births", said, said["mother"])

    async def give_notice_of_death(self, said: Mapping[str, str]) -> Page:
        """The same, of `person`, who `died`, with their `full_name`. Raises PeerError."""
        return await self._write("/ward/deaths", said, said["person"])

    async def _write(self, form: str, said: Mapping[str, str], shown: str) -> Page:
        page = await self.open()
        page = await page.submit(page.form(form), said)
        if "/login/" not in page.url or shown not in page.text:
            raise PeerError(f"nothing to sign at {page.url} ({page.status}): {page.text[:500]}")
        page = await page.submit(page.form("/test"), {"subject": self._subject})
        if not page.url.startswith(self.address) or page.status != 200:
            raise PeerError(f"not signed ({page.status}) at {page.url}: {page.text[:500]}")
        return page
