"""What is served, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sild.configuration_proxy import distribution_app
from support.asgi import Site, serving


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("served")
    (directory / "secret").write_text("secret")
    public = directory / "public"
    files = public / "PROXY" / "1772366400000" / "DEV" / "V6"
    files.mkdir(parents=True)
    (files / "shared-params.xml").write_text("<shared/>")
    (files / "other.bin").write_text("other")
    (public / "PROXY" / ".1772366400001").mkdir()
    (public / "PROXY" / ".1772366400001" / "a.xml").write_text("half")
    (public / "PROXY" / ".lock").write_text("")
    for version in (2, 6):
        (public / "PROXY" / f"conf-v{version}").write_text(f"version {version}")
    with serving(distribution_app(public)) as site:
        yield site


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("", 200, "version 2"),
        ("?version=2", 200, "version 2"),
        ("?version=6", 200, "version 6"),
        ("?version=6&version=2", 200, "version 6"),
        ("?a=b&version=6", 200, "version 6"),
        ("?version=", 200, "version 2"),
        ("?version=x", 200, "version 2"),
        ("?xversion=6", 200, "version 2"),
        ("?version=5", 404, None),
        ("?version=06", 404, None),
        ("?version=9999999999999999999999", 404, None),
        ("?version=6%0a", 200, "version 2"),
        ("?version=%36", 200, "version 2"),
    ],
)
def test_versions(site: Site, query: str, status: int, body: str | None) -> None:
    answer = site.get(f"/PROXY/conf{query}")
    assert answer.status == status
    if body is not None:
        assert answer.text == body
        assert answer.headers["Cache-Control"] == "no-cache"


def test_files(site: Site) -> None:
    answer = site.get("/PROXY/1772366400000/DEV/V6/shared-params.xml")
    assert (answer.status, answer.text) == (200, "<shared/>")
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert site.get("/PROXY/1772366400000/DEV/V6/other.bin").text == "other"
    head = site.request("HEAD", "/PROXY/conf?version=6")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "9")


@pytest.mark.parametrize(
    "target",
    [
        "/", "/PROXY", "/PROXY/", "/OTHER/conf", "/conf", "/PROXY/conf-v6", "/PROXY/.lock", "/PROXY/conf/x",
        "/PROXY/1772366400000", "/PROXY/1772366400000/", "/PROXY/1772366400000/DEV", "/PROXY/1772366400000/DEV/V6/",
        "/PROXY/1772366400000/DEV/V6/private-params.xml", "/PROXY/.1772366400001/a.xml", "/PROXY/177/DEV/V6/a.xml",
        "/PROXY/1772366400000/../conf-v6", "/PROXY/1772366400000/%2e%2e/conf-v6", "/PROXY/1772366400000/..%2fconf-v6",
        "/PROXY/1772366400000/DEV/../../../../secret", "/PROXY/1772366400000//etc/passwd",
        "/PROXY/1772366400000/%2fetc%2fpasswd", "/..%2fsecret", "/../secret", "/%2e%2e/conf", "/PROXY%2f/conf",
        "/PROXY/1772366400000/DEV%00/V6/shared-params.xml",
    ],
)  # fmt: skip
def test_nothing_else_is_there(site: Site, target: str) -> None:
    answer = site.get(target)
    assert answer.status in (400, 404)
    assert "secret" not in answer.text and "half" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written(site: Site, method: str, tmp_path: Path) -> None:
    assert site.request(method, "/PROXY/conf").status == 405
