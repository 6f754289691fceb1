"""The story the demo tells, which is its self-check too: one exchange from the call to the evidence, and what is refused.

It knows the nation from `nation.json` alone and meets it on the wire, as a stranger would. Each step yields what it saw; a
step whose expectation fails yields `ok=False` and the story ends.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from sild.clock import xml_datetime
from sild.configuration_client import load_globalconf
from sild.errors import PlatformError
from sild.http1 import Fetched, fetch
from sild.signatures import AsicContainer, read_asice
from sild.xroad.evidence import EvidenceReport, verify_container
from sild.xroad.globalconf import (
    GlobalConf,
    anchor_hash,
    parse_anchor,
    parse_signed_directory,
    verify_signed_directory,
)
from sild.xroad.identifiers import ClientId

__all__ = ["Step", "tell", "verification_conf"]


@dataclass(frozen=True, slots=True)
class Step:
    """title: what happened, in a sentence.  evidence: what shows it, by name."""

    title: str
    ok: bool
    evidence: dict[str, str] = field(default_factory=dict)


class _Failed(Exception):
    """A step saw something else than it must."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.title)
        self.step = step


async def tell(description: dict[str, Any], evidence: Path) -> AsyncIterator[Step]:
    """Run the story against a running nation. `evidence`: directory for the containers it takes out."""
    story = _Story(description, evidence)
    for step in (
        story.configuration_is_signed,
        story.register_answers,
        story.both_sides_hold_evidence,
        story.changed_evidence_is_refused,
        story.no_right_no_answer,
        story.unknown_service_is_named,
    ):
        try:
            yield await step()
        except _Failed as failed:
            yield failed.step
            return
        except PlatformError as error:
            yield Step(step.__name__.replace("_", " "), False, {"error": str(error)})
            return


class _Story:
    def __init__(self, description: dict[str, Any], evidence: Path) -> None:
        self._nation = description
        self._anchor_file = Path(description["anchor_file"]).read_bytes()
        self._evidence = evidence
        evidence.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._client = ClientId.decode(description["example"]["client"])
        self._service = description["services"][0]
        self._provider_server, self._consumer_server = description["security_servers"]
        self._query_id = ""
        self._containers: list[Path] = []
        self._globalconf: GlobalConf | None = None

    async def configuration_is_signed(self) -> Step:
        anchor = parse_anchor(self._anchor_file)
        source = anchor.sources[0]
        answer = await fetch(f"{source.download_url}?version=6")
        directory = parse_signed_directory(answer.body)
        content = verify_signed_directory(directory, source.verification_certs, at=datetime.now(UTC))
        return Step(
            "The central server's configuration is signed by a key the anchor names",
            True,
            {
                "anchor": anchor_hash(self._anchor_file),
                "source": source.download_url,
                "expires": xml_datetime(content.expires_at),
            },
        )

    async def register_answers(self) -> Step:
        example = self._nation["example"]
        answer = await self._call(example["url"])
        seen = {
            "curl": example["curl"],
            "status": str(answer.status),
            "answer": answer.body.decode(errors="replace")[:160],
            "X-Road-Id": _header(answer, b"x-road-id"),
            "X-Road-Request-Hash": _header(answer, b"x-road-request-hash"),
        }
        self._query_id = seen["X-Road-Id"]
        code = self._nation["test_people"][0]["code"]
        if answer.status != 200 or json.loads(answer.body)["code"] != code:
            raise _Failed(Step("The register's answer did not come back", False, seen))
        return Step("The insurance desk asks for a person; the population register answers", True, seen)

    async def both_sides_hold_evidence(self) -> Step:
        self._globalconf = await verification_conf(self._consumer_url)
        seen: dict[str, str] = {}
        provider = ClientId.parse(self._service["id"].rpartition(":")[0])
        sides = ((self._consumer_server, self._client), (self._provider_server, provider))
        for server, client in sides:
            for part in ("request", "response"):
                file = await self._take_out(server, client, part)
                report = verify_container(_container(file.read_bytes()), self._globalconf)
                seen[f"{server['id']} {part}"] = f"{file} ({_signed_by(report)})"
                self._containers.append(file)
        return Step(
            "Both servers hold request and answer, signed and time-stamped; each container verifies",
            True,
            seen,
        )

    async def changed_evidence_is_refused(self) -> Step:
        assert self._globalconf is not None
        container = _container(self._containers[0].read_bytes())
        changed = bytearray(container.message)
        changed[-3] ^= 1  # the last character of the request id, before CR LF
        altered = AsicContainer(
            message=bytes(changed),
            **{
                name: getattr(container, name)
                for name in AsicContainer.__dataclass_fields__
                if name != "message"
            },
        )
        try:
            verify_container(altered, self._globalconf)
        except PlatformError as error:
            return Step(
                "With one bit of the message changed the container is refused",
                True,
                {"code": error.code_path},
            )
        raise _Failed(Step("A changed message was taken for good", False))

    async def no_right_no_answer(self) -> Step:
        answer = await self._call(self._consumer_url + self._service["path"] + "/persons?family_name=Tamm")
        return _expect_error(
            answer, "server.serverproxy.access_denied", "Searching by name was not granted: refused"
        )

    async def unknown_service_is_named(self) -> Step:
        path = self._service["path"].rpartition("/")[0] + "/tax-returns/2026"
        answer = await self._call(self._consumer_url + path)
        return _expect_error(
            answer, "server.serverproxy.unknown_service", "A service nobody offers: refused by name"
        )

    # --- on the wire

    @property
    def _consumer_url(self) -> str:
        url: str = self._consumer_server["addresses"]["client_http"]
        return url

    async def _call(self, url: str) -> Fetched:
        """As the desk's official: without who acts and why a register gives no personal data."""
        example = self._nation["example"]
        return await fetch(
            url,
            headers=[
                (b"X-Road-Client", self._client.encode().encode()),
                (b"X-Road-UserId", example["user_id"].encode()),
                (b"X-Road-Issue", example["case"].encode()),
                (b"Sild-Legal-Basis", example["legal_basis"].encode()),
            ],
        )

    async def _take_out(self, server: dict[str, Any], client: ClientId, part: str) -> Path:
        names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
        who = "&".join(f"{name}={quote(value)}" for name, value in zip(names, client.parts, strict=True))
        url = f"{server['addresses']['client_http']}/asic?unique&{part}Only&force&queryId={quote(self._query_id)}&{who}"
        answer = await fetch(url, headers=[(b"X-Road-Client", client.encode().encode())])
        if answer.status != 200:
            seen = {
                "url": url,
                "status": str(answer.status),
                "answer": answer.body.decode(errors="replace")[:200],
            }
            raise _Failed(Step(f"{server['id']} gave no container for its {part}", False, seen))
        file = self._evidence / f"{server['id'].rpartition(':')[2]}-{part}.asice"
        file.write_bytes(answer.body)
        return file


async def verification_conf(security_server: str) -> GlobalConf:
    """What containers are verified with, as a security server gives it. security_server: its URL for clients."""
    answer = await fetch(f"{security_server}/verificationconf")
    with TemporaryDirectory() as directory, zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        archive.extractall(directory)  # our own server's answer; zipfile keeps names inside the directory
        return load_globalconf(Path(directory) / "verificationconf")


def _expect_error(answer: Fetched, code: str, title: str) -> Step:
    found = _header(answer, b"x-road-error")
    seen = {"status": str(answer.status), "X-Road-Error": found}
    if found != code:
        raise _Failed(Step(f"{title}, but not with {code}", False, seen))
    return Step(title, True, seen)


def _header(answer: Fetched, name: bytes) -> str:
    return next((value.decode() for key, value in answer.headers if key.lower() == name), "")


def _container(data: bytes) -> AsicContainer:
    return read_asice(io.BytesIO(data))


def _signed_by(report: EvidenceReport) -> str:
    when = xml_datetime(report.timestamp.gen_time) if report.timestamp is not None else "no time-stamp"
    return f"{report.signer}, {when}"
