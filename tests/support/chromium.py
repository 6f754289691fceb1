"""A real browser for the tests: Debian's Chromium, driven by Playwright, without a line to anywhere but this machine.

    with chromium(trusted=certificate) as browser:      # `trusted`: a TLS certificate of a test server
        page = browser.new_page()

Skipped where /usr/bin/chromium is not installed (`make system-packages`).
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from playwright.sync_api import Browser, sync_playwright

QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-sandbox",
)  # fmt: skip


@contextmanager
def chromium(*, trusted: Certificate | None = None) -> Iterator[Browser]:
    """WebAuthn works only where TLS is in order, so the server's key is named as right instead of errors being passed over."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    arguments = list(QUIET)
    if trusted is not None:
        key = trusted.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
        arguments.append(f"--ignore-certificate-errors-spki-list={pin}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
