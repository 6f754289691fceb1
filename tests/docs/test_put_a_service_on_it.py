"""docs/put-a-service-on-it.md: somebody's own service behind a demo's server, by the page alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sild.nation.layout import free_ports
from support.documented import DocumentedRun


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_page_puts_a_service_on_a_demo(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with DocumentedRun(tmp_path, {"8090": str(port)}) as run:
        run.page("put-a-service-on-it.md")
    assert "    GET /stations/*" in run.printed
    assert '{"station":"tallinn","celsius":-3.5,"asked_by":"SILD/GOV/70000003/insurance"}' in run.printed
    assert '"type":"server.serverproxy.access_denied"' in run.printed
