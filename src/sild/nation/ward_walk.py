"""What a midwife does in the ward, as the self-check's browser does it: she logs in, writes a notice, signs it."""

from __future__ import annotations

from collections.abc import Mapping

from sild.errors import PeerError
from sild.nation.browser import Browser, Page

__all__ = ["Ward"]


class Ward:
    """midwife: the test person of nation.json."""

    def __init__(self, address: str, midwife: Mapping[str, str]) -> None:
        self.address = address
        self.name = midwife["name"]
        self._subject = f"{midwife['country']}{midwife['code']}"
        self._browser = Browser()

    async def open(self) -> Page:
        """Her page, logged in. Raises PeerError."""
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
        page = await self.open()
        page = await page.submit(page.form("/ward/births"), said)
        if "/login/" not in page.url or said["mother"] not in page.text:
            raise PeerError(f"nothing to sign at {page.url} ({page.status}): {page.text[:500]}")
        page = await page.submit(page.form("/test"), {"subject": self._subject})
        if not page.url.startswith(self.address) or page.status != 200:
            raise PeerError(f"not signed ({page.status}) at {page.url}: {page.text[:500]}")
        return page
