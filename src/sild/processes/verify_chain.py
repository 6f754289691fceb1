"""Judging all archives of a directory: each for itself, and that those of a group follow one another without a gap."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from sild.errors import TrustError
from sild.processes.verify_report import Judgement, Verdict, next_step_of

__all__ = ["judge_directory"]

_NAME = re.compile(r"mlog-(?:(?P<group>.+)-)?\d{14}-\d{14}-[0-9a-f]{16}\.zip(?:\.gpg)?")


def judge_directory(path: Path, judge_file: Callable[[Path], Judgement]) -> Judgement:
    """Every archive in the directory, by X-Road's names; other files are not looked at."""
    whole = Judgement(str(path), "archives", Verdict.VALID)
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for file in sorted(path.iterdir()):
        if name := _NAME.fullmatch(file.name):
            judgement = judge_file(file)
            whole.parts.append(judgement)
            groups[name["group"] or ""].append(judgement)
    if not whole.parts:
        whole.verdict, whole.message = (
            Verdict.CANNOT_TELL,
            "there are no message-log archives in the directory",
        )
    for group, archives in groups.items():
        _judge_chain(whole, group or "all messages", archives)
    _sum_up(whole)
    return whole


def _judge_chain(whole: Judgement, group: str, archives: Sequence[Judgement]) -> None:
    """Archives name the one before and its last digest: each but the first must continue one that is here."""
    by_name = {Path(archive.file).name: archive for archive in archives}
    continued: set[str] = set()
    starts = []
    for archive in archives:
        if "last_digest" not in archive.facts:
            continue  # it could not be read, and says so itself
        before = archive.facts["previous_archive"]
        previous = None if before is None else by_name.get(before)
        if before is None or previous is None:
            starts.append(archive)
            continue
        if before in continued:
            _refuse(archive, f"two archives continue {before}")
        elif previous.facts.get("last_digest") != archive.facts["previous_digest"]:
            _refuse(archive, f"it continues another {before} than the one that is here")
        continued.add(before)
    for start in starts:
        if start.facts["previous_archive"] is not None:
            start.remarks.append(f"the archive before, {start.facts['previous_archive']}, is not here")
    if len(starts) > 1:
        whole.remarks.append(
            f"{group}: {len(starts)} chains that do not meet; archives between them are not here"
        )
        if whole.verdict is Verdict.VALID:
            whole.verdict = Verdict.CANNOT_TELL
            whole.message = f"archives of {group} are missing"
            whole.next_step = "Fetch the missing archives: without them nobody can tell whether messages are."
    elif starts:
        whole.facts[group] = f"{len(archives)} archives, from {Path(starts[0].file).name}"


def _refuse(archive: Judgement, message: str) -> None:
    if archive.verdict is not Verdict.INVALID:
        error = TrustError(message, code="invalid_hash_chain")
        archive.verdict, archive.fault_code, archive.message = Verdict.INVALID, error.code_path, error.message
        archive.next_step = next_step_of(error.code_path)


def _sum_up(whole: Judgement) -> None:
    for verdict in (Verdict.INVALID, Verdict.CANNOT_TELL):
        first = next((part for part in whole.parts if part.verdict is verdict), None)
        if first is not None:
            whole.verdict, whole.fault_code, whole.next_step = verdict, first.fault_code, first.next_step
            whole.message = f"{first.file}: {first.message}"
            return
