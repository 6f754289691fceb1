"""`sild op-monitor` as a process, over http and https: what X-Road's security servers and ours say to it, and who may (WIRE 15)."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from op_monitor.monitor_world import (
    CONSUMER,
    OM,
    STRANGER,
    data_request,
    health_request,
    message,
    page,
    record,
    soap,
)
from sild.database import sqlite_url
from sild.errors import CallerError, PlatformError, TrustError
from sild.http1 import Fetched, Request, Responder, TlsContext, fetch, serve, service_client_context
from sild.op_monitor import BufferRules, MonitoringRules, OperationalMonitor, RemoteMonitor, RemoteTls
from sild.pki import CertificateProfile
from sild.xroad.faults import PeerFault
from sild.xroad.globalconf import DirectoryPart, render_anchor, render_monitoring
from support.configuration_source import ConfigurationSourceServer
from support.pki import Credential, Pki, name
from support.postgres import PostgreSQL

MAIN = [sys.executable, "-m", "sild", "op-monitor", "--config"]
OPEN = "[monitoring]\nrecords_available_timestamp_offset_seconds = 0\nmax_records_in_payload = 150\n"


@contextmanager
def daemon(directory: Path, settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    config = directory / "op-monitor.toml"
    config.write_text(settings)
    with (directory / "log").open("a") as errors:
        process = subprocess.Popen([*MAIN, config], stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (directory / "log").read_text()
        yield json.loads(line)["addresses"][0], process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0, (directory / "log").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("daemon")
    with daemon(directory, f'directory = "state"\nlisten = {{ port = 0 }}\n{OPEN}') as (url, _):
        yield url


async def post(url: str, body: bytes, content_type: str = "application/json; charset=UTF-8") -> Fetched:
    return await fetch(url, method="POST", body=body, headers=[(b"Content-Type", content_type.encode())])


def java_record(name: str) -> dict[str, object]:
    return {
        "securityServerInternalIp": "10.0.0.1",
        "securityServerType": "Client",
        "requestInTs": 1,
        "responseOutTs": 2,
        "succeeded": True,
        "messageId": name,
    }


def next_second() -> None:
    """What was written is now older than the held back 0 seconds."""
    time.sleep(1.01 - time.time() % 1)


async def test_java_server_stores_and_collector_asks(site: str) -> None:
    first = int(time.time())
    stored = await post(f"{site}/store_data", json.dumps({"records": [java_record("Ü")]}).encode())
    assert (stored.status, stored.body) == (200, b'{"status":"OK"}')
    assert stored.header(b"content-type") == b"application/json; charset=utf-8"
    next_second()
    answer = await post(f"{site}/query_data", data_request(first, first + 99), "text/xml; charset=UTF-8")
    kind = (answer.header(b"content-type") or b"").decode()
    boundary = re.fullmatch(
        r'multipart/related; type="text/xml"; charset=UTF-8; boundary=(xroad[A-Za-z]+)', kind
    )
    assert boundary is not None
    # what X-Road's collectors look for, byte for byte (COMPAT I3)
    parts = re.fullmatch(
        rb"--%b\r\ncontent-type:text/xml[^\r]*\r\n\r\n(<\?xml.*</SOAP-ENV:Envelope>)"
        rb"\r\n--%b\r\ncontent-type:application/gzip\r\ncontent-transfer-encoding: binary\r\n"
        rb"content-id: <operational-monitoring-data.json.gz>\r\n\r\n(.*)\r\n--%b--\r\n"
        % (boundary[1].encode(), boundary[1].encode(), boundary[1].encode()),
        answer.body,
        re.S,
    )
    assert parts is not None
    assert re.search(rb"<om:recordsCount>(\d+)</om:recordsCount>", parts[1])
    assert b"<xroad:requestHash" in parts[1]
    records = json.loads(gzip.decompress(parts[2]))["records"]
    assert [each["messageId"] for each in records] == ["Ü"]


async def test_remote_monitor_brings_all_and_asks_for_it(site: str) -> None:
    remote = RemoteMonitor(site, rules=BufferRules(max_records_in_message=7))
    first = int(time.time())
    names = [f"remote {number}" for number in range(100)]
    for each in names:
        remote.store(record(each, fault_string="y" * 5_000))
    assert await remote.flush()
    next_second()
    request = message(data_request(first, first + 99, client=CONSUMER))
    found = page(await remote.answer(request, client_sees_all=True))
    assert [each for each in found.names if each in names] == names
    assert "securityServerInternalIp" not in found.text  # the consumer is not the owner, whatever we say
    health = await remote.answer(message(health_request()), client_sees_all=True)
    assert health.attachment is None
    assert health.body.startswith("<om:getSecurityServerHealthDataResponse xmlns:")
    assert f'xmlns:om="{OM}"' in health.body
    await remote.close()


async def test_faults_come_back_unchanged(site: str) -> None:
    remote = RemoteMonitor(f"{site}/")
    for body, code, text in [
        (data_request(-1, 5), "client.invalid_request", "Records from timestamp is a negative number"),
        (
            data_request(0, 5, fields=["nonsense"]),
            "client.invalid_request",
            "Unknown output field in search criteria: nonsense",
        ),
        (
            soap("getState", "<om:getState/>"),
            "internal_error",
            "Unknown service: 'SERVICE:EE/GOV/owner/getState'",
        ),
    ]:
        with pytest.raises(PeerFault) as caught:
            await remote.answer(message(body), client_sees_all=True)
        assert caught.value.fault.code == f"server.serverproxy.opmonitor.{code}"
        assert caught.value.fault.message == text
    await remote.close()


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"", "application/json", "No data was found in the request to store data"),
        (b"nonsense", "application/json", "Received invalid request"),
        (b"{}", "text/xml", "Invalid content type text/xml, expecting application/json"),
        (
            b'{"records":[{}]}',
            "application/json",
            "Received invalid request: securityServerInternalIp is missing",
        ),
        (b" " * (17 * 1024 * 1024), "application/json", "body of more than 16777216 bytes"),
    ],
)
async def test_store_refuses_in_json(site: str, body: bytes, content_type: str, text: str) -> None:
    answer = await post(f"{site}/store_data", body, content_type)
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "Error", "errorMessage": text}


async def test_other_methods_and_paths(site: str) -> None:
    got = await fetch(f"{site}/store_data")
    assert json.loads(got.body)["errorMessage"] == "Must use POST request method instead of GET"
    got = await fetch(f"{site}/query_data")
    assert b"<faultcode>server.serverproxy.opmonitor.invalid_http_method<" in got.body
    assert (got.status, got.header(b"soapaction")) == (200, b"")
    got = await post(f"{site}/query_data", b"{}")
    assert b"<faultcode>server.serverproxy.opmonitor.invalid_content_type<" in got.body
    got = await post(f"{site}/query_data", b"<not soap", "text/xml")
    assert b"<faultcode>server.serverproxy.opmonitor.invalid_soap<" in got.body
    assert (await post(f"{site}/", b"{}")).status == 400


async def test_nothing_is_lost_while_the_daemon_is_away(tmp_path: Path) -> None:
    settings = f'directory = "state"\nlisten = {{ port = 0 }}\n{OPEN}'
    with daemon(tmp_path, settings) as (url, _):
        port = url.rpartition(":")[2]
    remote = RemoteMonitor(url, rules=BufferRules(sending_interval_seconds=0.05))
    running = asyncio.create_task(remote.run())
    names = [str(number) for number in range(250)]
    for each in names:
        remote.store(record(each))
    await asyncio.sleep(0.1)
    assert remote.waiting == 250
    with daemon(tmp_path, settings.replace("port = 0", f"port = {port}")):
        async with asyncio.timeout(20):
            while remote.waiting:
                await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])
    await remote.close()
    kept = OperationalMonitor(
        sqlite_url(tmp_path / "state" / "op-monitor.db"),
        rules=MonitoringRules(records_available_timestamp_offset_seconds=0),
    )
    next_second()
    found = page(await kept.answer(message(data_request(0, int(time.time()))), client_sees_all=True))
    assert found.names == names
    await kept.close()


def pem(credential: Credential) -> bytes:
    return credential.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ) + credential.certificate.public_bytes(Encoding.PEM)


def proving(credential: Credential) -> TlsContext:
    context = service_client_context()
    context.use_key(credential.key, [credential.certificate])
    return context


async def test_https_hears_known_servers_alone(tmp_path: Path, postgresql: PostgreSQL) -> None:
    pki = Pki("rsa-2048")
    server, client, other = (
        pki.issue(CertificateProfile.TLS, name(CN=each)) for each in ("monitor", "ss1", "stranger")
    )
    (tmp_path / "tls.pem").write_bytes(pem(server))
    (tmp_path / "ss1.crt").write_bytes(client.certificate.public_bytes(Encoding.DER))
    with postgresql.schema() as database:
        settings = (
            f'directory = "state"\ndatabase = "{database}"\nclient_certificates = ["ss1.crt"]\n'
            f'listen = {{ port = 0, certificate = "tls.pem", key = "tls.pem" }}\n{OPEN}'
        )
        with daemon(tmp_path, settings) as (url, _):
            assert url.startswith("https://")
            pinned = server.certificate.public_bytes(Encoding.DER)
            good = RemoteMonitor(url, tls=RemoteTls(proving(client), pinned))
            good.store(record())
            assert await good.flush()
            await good.close()
            stranger = RemoteMonitor(url, tls=RemoteTls(proving(other), pinned))
            nobody = RemoteMonitor(url, tls=RemoteTls(service_client_context(), pinned))
            for refused in (stranger, nobody):
                refused.store(record())
                assert not await refused.flush()
                with pytest.raises(PlatformError):
                    await refused.answer(message(health_request()), client_sees_all=True)
                await refused.close()
            false = RemoteMonitor(
                url, tls=RemoteTls(proving(client), other.certificate.public_bytes(Encoding.DER))
            )
            with pytest.raises(TrustError) as caught:
                await false.answer(message(health_request()), client_sees_all=True)
            assert caught.value.code_path == "service_failed.ssl_authentication_failed"
            await false.close()


async def test_monitoring_client_of_the_instance_sees_all(tmp_path: Path) -> None:
    monitoring = DirectoryPart("MONITORING", "EE", "monitoring-params.xml", render_monitoring(STRANGER))
    async with ConfigurationSourceServer(instance="EE", other_parts=[monitoring]) as source:
        source.publish(at=datetime.now(UTC))
        (tmp_path / "anchor.xml").write_bytes(render_anchor(source.anchor()))
        settings = f'directory = "state"\nanchor = "anchor.xml"\nlisten = {{ port = 0 }}\n{OPEN}'
        with daemon(tmp_path, settings) as (url, _):
            remote = RemoteMonitor(url)
            first = int(time.time())
            remote.store(record("x"))
            assert await remote.flush()
            next_second()
            for client, seen in ((STRANGER, 1), (CONSUMER, 1), (STRANGER.with_subsystem("a"), 0)):
                request = message(data_request(first, first + 99, client=client))
                async with asyncio.timeout(20):
                    while True:
                        try:
                            found = page(await remote.answer(request, client_sees_all=False))
                            break
                        except PeerFault as fault:  # its configuration is on the way
                            assert "global_conf" in fault.fault.code
                            await asyncio.sleep(0.05)
                assert found.count == seen
                assert ("securityServerInternalIp" in found.text) == (client == STRANGER)
            await remote.close()


async def test_daemon_that_does_not_answer_holds_no_stop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def silent(request: Request, responder: Responder) -> None:
        asked.set()
        await asyncio.sleep(100)

    monkeypatch.setattr("sild.op_monitor.buffer.FINISHING_SECONDS", 0.1)
    monkeypatch.setattr("sild.op_monitor.remote.CLOSING_SECONDS", 0.1)
    server = await serve(silent, "127.0.0.1", 0)
    remote = RemoteMonitor(
        f"http://127.0.0.1:{server.port}", rules=BufferRules(sending_interval_seconds=0.01)
    )
    running = asyncio.create_task(remote.run())
    remote.store(record())
    await asked.wait()
    async with asyncio.timeout(5):
        running.cancel()
        await asyncio.wait([running])
        await remote.close()
    assert remote.waiting == 1
    await server.close(0)


@pytest.mark.parametrize(
    "answer", [b"", b"OK", b"[]", b'{"status":"Error","errorMessage":"full"}', b"[" * 50_000]
)
async def test_only_ok_counts_as_stored(answer: bytes) -> None:
    async def says(request: Request, responder: Responder) -> None:
        assert json.loads(await request.read(10_000))["records"]
        await responder.send(200, [], answer)

    server = await serve(says, "127.0.0.1", 0)
    remote = RemoteMonitor(f"http://127.0.0.1:{server.port}")
    remote.store(record())
    assert not await remote.flush()
    assert remote.waiting == 1
    await remote.close()
    await server.close(0)


def test_addresses_that_are_none() -> None:
    for url in ("ftp://x:1", "https://x:1", "http://x:1/path", "http://x:port", "x"):
        with pytest.raises(CallerError):
            RemoteMonitor(url)
