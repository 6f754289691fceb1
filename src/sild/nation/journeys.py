"""What the journeys that a nation is checked by have in common: steps one after the other, and what a person does with any page.

Everything is asked over HTTP as a browser without JavaScript would ask it; addresses and test people come from nation.json. Each
step yields what it saw, as the story of one exchange does.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sild.clock import xml_datetime
from sild.errors import PeerError, PlatformError, Unavailable
from sild.nation.browser import Browser, Page
from sild.nation.story import Step
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.globalconf import GlobalConf

__all__ = [
    "Seen",
    "log_in",
    "screen_sent",
    "soon",
    "statement_verified",
    "steps_of",
    "verified_message",
    "verified_offline",
]

T = TypeVar("T")
CANNOT_TELL_ALL = 2
"""Of the verifier: nothing is broken, and something cannot be told without certificates from elsewhere."""
PATIENCE = 75.0
"""Seconds for what the registers do by themselves: longer than six attempts at what had to wait (`sild.registries.tasks.worker`)."""

Seen = tuple[str, dict[str, str]]
"""A title, and what was seen."""


async def steps_of(steps: Iterable[Callable[[], Awaitable[Seen]]]) -> AsyncIterator[Step]:
    """One after the other; the first that raises is the last."""
    for step in steps:
        begun = time.perf_counter()
        try:
            title, evidence = await step()
        except PlatformError as error:
            name = getattr(step, "__name__", "step")
            yield Step(name.replace("_", " "), False, {"error": error.message[:500]})
            return
        yield Step(title, True, evidence | {"seconds": f"{time.perf_counter() - begun:.1f}"})


async def log_in(browser: Browser, portal: str, person: Mapping[str, str], *, official: bool = False) -> Page:
    """As a test person, through the identity provider; for themselves."""
    page = await browser.open(f"{portal}/login")
    forms = [form for form in page.forms if form.action == "/login"]
    wanted = next((form for form in forms if ("as" in form.fields) == official), None)
    if wanted is None:
        raise PeerError(f"no way to log in: {page.text[:300]}")
    page = await page.submit(wanted)
    if "/login/" in page.url and any("/test" in form.action for form in page.forms):
        page = await page.submit(page.form("/test"), {"subject": f"{person['country']}{person['code']}"})
    if "/representee" in page.url:
        page = await page.submit(page.form("/representee"))
    if not page.url.startswith(portal) or page.status != 200:
        raise PeerError(f"the log-in ended at {page.url} ({page.status}): {page.text[:300]}")
    return page


async def screen_sent(page: Page, answers: Mapping[str, str]) -> Page:
    """Its receipt. Raises PeerError when the screen was not taken."""
    after = await page.submit(page.form("/screens/"), answers)
    if "/receipts/" not in after.url:
        raise PeerError(f"no receipt ({after.status}): {after.text[:500]}")
    return after


async def soon(what: str, ask: Callable[[], Awaitable[T | None]]) -> T:
    """Until there is an answer. Pages are asked as a person would: again, and again, also when one does not come."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = await ask()
        except Unavailable as error:
            found, why = None, error.message
        else:
            why = "nothing there"
        if found is not None:
            return found
        if time.monotonic() > end:
            raise PeerError(f"{what}: not within {PATIENCE:g} s ({why})")
        await asyncio.sleep(0.2)


async def verified_offline(page: Page, decision: str) -> tuple[str, int]:
    """A decision's evidence, checked by the verifier that the portal gives away, in a process of its own, with nothing but the file.

    page: any of the portal's, of whoever may have it.  decision: its path.  Gives the verifier's address and the bundle's bytes.

    Raises PeerError when something is broken.
    """
    bundle = await page.go(f"{decision}/bundle")
    program = await page.go("/decisions/verify_decision.py")
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory) / name for name in ("verify_decision.py", "bundle.json")]
        for path, content in zip(paths, (program.body, bundle.body), strict=True):
            path.write_bytes(content)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", *map(str, paths), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await process.communicate()
    if process.returncode not in (0, CANNOT_TELL_ALL):
        raise PeerError(f"the evidence does not hold: {said.decode()[-500:]}")
    return program.url, len(bundle.body)


async def statement_verified(page: Page) -> str:
    """The completeness statement of whoever is logged in, checked by the program that the portal gives away, in a process of its own, by the
    keys of the portal and of the message logs' keepers. What it says.

    Raises PeerError when it does not hold.
    """
    names = ("who-looked/verify_completeness.py", "who-looked/statement", "keys", "who-looked/log-keys")
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory) / f"{number}.json" for number in range(len(names))]
        for path, name in zip(paths, names, strict=True):
            path.write_bytes((await page.go(f"/{name}")).body)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", *map(str, paths), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await process.communicate()
    if process.returncode != 0:
        raise PeerError(f"the statement does not hold: {said.decode()[-500:]}")
    return said.decode().strip()


def verified_message(downloaded: bytes, conf: GlobalConf) -> tuple[str, str]:
    """Who signed a message that was downloaded, and when it was time-stamped; with one byte of the message changed it is refused.

    downloaded: ASiC-E.  conf: of the exchange.  Raises PlatformError when it does not hold, or still holds when changed.
    """
    container = read_asice(io.BytesIO(downloaded))
    report = verify_container(container, conf)
    if report.timestamp is None:
        raise PeerError("the message has no time-stamp")
    changed = bytearray(container.message)
    changed[-3] ^= 1  # the last character of the last header, before CR LF
    try:
        verify_container(replace(container, message=bytes(changed)), conf)
    except PlatformError:
        return str(report.signer), xml_datetime(report.timestamp.gen_time)
    raise PeerError("a message that was changed is taken for good")
