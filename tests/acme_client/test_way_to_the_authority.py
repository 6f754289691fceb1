"""How the ACME server is reached: as the settings say, not the environment, and not where somebody else sends us."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sild.acme_client.errors import AcmeUnavailable
from sild.acme_client.protocol import AcmeConnection


class Host(ThreadingHTTPServer):
    """/directory is ACME's; /away and /here lead there, on `elsewhere` or on itself."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.elsewhere = ""
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                if self.path in ("/away", "/here"):
                    self.send_response(302)
                    self.send_header(
                        "Location", (host.elsewhere if self.path == "/away" else "") + "/directory"
                    )
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = json.dumps({"newNonce": host.url + "/nonce", "newOrder": host.url + "/order"}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    one, other = Host(), Host()
    one.elsewhere = other.url
    yield one, other
    one.end()
    other.end()


def test_no_proxy_of_the_environment(hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = hosts
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    AcmeConnection(one.url + "/directory", ca_certificates=None).close()
    assert (one.asked, other.asked) == (["/directory"], [])


def test_a_redirect_to_another_host(hosts: tuple[Host, Host]) -> None:
    one, other = hosts
    with pytest.raises(AcmeUnavailable, match="RedirectedElsewhere") as caught:
        AcmeConnection(one.url + "/away", ca_certificates=None)
    assert caught.value.code == "acme.fetching_metadata_error"
    assert other.asked == []
    AcmeConnection(one.url + "/here", ca_certificates=None).close()
    assert one.asked == ["/away", "/here", "/directory"]


def test_a_directory_without_tls_is_told_of(
    hosts: tuple[Host, Host], caplog: pytest.LogCaptureFixture
) -> None:
    AcmeConnection(hosts[0].url + "/directory", ca_certificates=None).close()
    assert "acme.directory_without_tls" in [record.message for record in caplog.records]
