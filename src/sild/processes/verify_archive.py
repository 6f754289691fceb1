"""Judging a message-log archive: every container in it, and that they are the ones that were archived, in their order."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from hashlib import sha512
from typing import IO, BinaryIO, cast

from sild.errors import PeerError, PlatformError
from sild.processes.verify_report import Judgement, Verdict, next_step_of
from sild.xroad.archive_linking import Linking, parse_linking, verify_linking

__all__ = ["JudgeContainer", "judge_archive"]

LINKING_INFO = "linkinginfo"
MAX_LINKING_BYTES = 64 * 1024 * 1024
MAX_CONTAINER_BYTES = 2 * 1024 * 1024 * 1024
MAX_CONTAINERS = 1_000_000
_IN_MEMORY = 8 * 1024 * 1024

JudgeContainer = Callable[[str, BinaryIO], Judgement]


def judge_archive(name: str, file: BinaryIO, judge_container: JudgeContainer) -> Judgement:
    """Judge the archive in `file`. The archive is invalid when a container is, or when the linking is broken."""
    judgement = Judgement(name, "archive", Verdict.VALID)
    digests: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            linking = parse_linking(_read(archive, LINKING_INFO, MAX_LINKING_BYTES))
            for entry in _containers(archive):
                judgement.parts.append(_judge_entry(archive, entry, digests, judge_container))
            _remember(judgement, linking)
            verify_linking(linking, digests, digests.__getitem__)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        return _refuse(judgement, PeerError(f"the archive is damaged: {error}", code="io_error"))
    except PlatformError as error:
        return _refuse(judgement, error)
    return _sum_up(judgement)


def _containers(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if name != LINKING_INFO]
    if len(set(archive.namelist())) != len(archive.namelist()) or len(names) > MAX_CONTAINERS:
        raise PeerError("the archive has doubled or too many entries", code="io_error")
    return names


def _judge_entry(
    archive: zipfile.ZipFile, name: str, digests: dict[str, bytes], judge_container: JudgeContainer
) -> Judgement:
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as container:
        digest = sha512()
        with archive.open(name) as source:
            _copy(source, container, digest.update)
        digests[name] = digest.digest()
        container.seek(0)
        return judge_container(name, cast(BinaryIO, container))  # typeshed knows it only as IO[bytes]


def _copy(source: IO[bytes], target: IO[bytes], seen: Callable[[bytes], object]) -> None:
    size = 0
    while piece := source.read(256 * 1024):
        size += len(piece)
        if size > MAX_CONTAINER_BYTES:
            raise PeerError("a container in the archive is too large", code="io_error")
        seen(piece)
        target.write(piece)


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise PeerError(f"{name} is too large", code="io_error")
    return data


def _remember(judgement: Judgement, linking: Linking) -> None:
    judgement.facts["previous_archive"] = linking.previous_archive
    judgement.facts["previous_digest"] = linking.previous_digest
    judgement.facts["last_digest"] = linking.last_digest
    if linking.previous_digest is not None:
        judgement.remarks.append(
            "continues another archive: compare previous_digest with the last digest of that one"
        )


def _refuse(judgement: Judgement, error: PlatformError) -> Judgement:
    judgement.verdict = Verdict.INVALID
    judgement.fault_code, judgement.message = error.code_path, error.message
    judgement.next_step = next_step_of(error.code_path)
    return judgement


def _sum_up(judgement: Judgement) -> Judgement:
    verdicts = {part.verdict for part in judgement.parts}
    for verdict in (Verdict.INVALID, Verdict.CANNOT_TELL):
        if verdict in verdicts:
            judgement.verdict = verdict
            first = next(part for part in judgement.parts if part.verdict is verdict)
            judgement.fault_code = first.fault_code
            judgement.message = f"{first.file}: {first.message}"
            judgement.next_step = first.next_step
            break
    return judgement
