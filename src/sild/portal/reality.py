"""The algorithm register against what really runs: every line of the entry that can be held against a record, a file or a counter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sild.decisions import AlgorithmEntry

__all__ = ["Compared", "Published", "compare"]

Verdict = Literal["same", "differs", "unknown"]
AUTOMATIC = 4


@dataclass(frozen=True, slots=True)
class Compared:
    """what: key of its words.  said, found: of the entry, and of the system; codes and numbers."""

    what: str
    verdict: Verdict
    said: str
    found: str


@dataclass(frozen=True, slots=True)
class Published:
    """A model as it is published now: its newest version."""

    version: int
    sha256: str


def compare(
    entry: AlgorithmEntry,
    running: Mapping[str, Any],
    egress: Sequence[Mapping[str, Any]] | None,
    models: Mapping[str, Published],
    *,
    today: str,
) -> list[Compared]:
    """running: as registers tell it, summed.  egress: rows of the gateway's public reports; None: it was not told.

    models: published, by name.  today: ISO date. Raises KeyError, TypeError: not what registers tell.
    """
    return [
        *_status(entry, running, today),
        *_packages(entry, running),
        *_automation(entry, running),
        *_models(entry, running, models),
        *_egress(entry, egress),
    ]


def _count(running: Mapping[str, Any]) -> int:
    return sum(int(count) for count in running["automation"].values())


def _status(entry: AlgorithmEntry, running: Mapping[str, Any], today: str) -> Iterable[Compared]:
    decisions = _count(running)
    works = decisions > 0
    fits = works if entry.status == "in_use" else not works
    if entry.status == "in_use" and not works:
        yield Compared("status", "unknown", entry.status, "0")
    else:
        yield Compared("status", "same" if fits else "differs", entry.status, str(decisions))
    first = min((one["first_at"] for one in running["packages"]), default=None)
    if first is not None:
        early = first[:7] < entry.start_date or entry.start_date > today[:7]
        yield Compared("start_date", "differs" if early else "same", entry.start_date, first[:10])


def _packages(entry: AlgorithmEntry, running: Mapping[str, Any]) -> Iterable[Compared]:
    """Named as the entry names it, and by the very files that are loaded."""
    loaded = {one["sha256"]: one for one in running["loaded"]}
    for one in running["packages"]:
        named = one["package"] in entry.packages
        said = ", ".join(entry.packages) or "—"
        yield Compared("package", "same" if named else "differs", said, f"{one['package']} {one['version']}")
        known = loaded.get(one["sha256"])
        verdict: Verdict = "same" if known else "differs"
        yield Compared("package_hash", verdict, known["sha256"][:16] if known else "—", one["sha256"][:16])


def _automation(entry: AlgorithmEntry, running: Mapping[str, Any]) -> Iterable[Compared]:
    """What the entry says of people is text; what it implies is not: a model never decides alone, and where it says that somebody confirms each one, somebody is there."""
    decisions, alone = _count(running), int(running["automation"].get(str(AUTOMATIC), 0))
    if not decisions:
        return
    share = f"{100 * alone // decisions} %"
    if entry.kind == "model":
        yield Compared("alone", "differs" if alone else "same", "0 %", share)
        yield Compared(
            "humans",
            "same" if running["humans"] == decisions else "differs",
            str(decisions),
            str(running["humans"]),
        )
    else:
        yield Compared("alone", "unknown", "text_below", share)  # words are for people to compare


def _models(
    entry: AlgorithmEntry, running: Mapping[str, Any], models: Mapping[str, Published]
) -> Iterable[Compared]:
    used = running["models"]
    if entry.kind == "rules":
        yield Compared("models", "differs" if used else "same", "0", str(len(used)))
    for one in used:
        published = models.get(one["model"])
        said = "—" if published is None else published.sha256[:16]
        yield Compared("model_hash", _of_model(one, published), said, one["sha256"][:16])
        at_home = one["location"] in ("own process", "local")
        says_gateway = bool(entry.gateway.purposes)
        yield Compared(
            "location",
            "same" if at_home or says_gateway else "differs",
            "gateway" if says_gateway else "local",
            one["location"],
        )


def _of_model(used: Mapping[str, Any], published: Published | None) -> Verdict:
    """Of an earlier version decisions stand; another file under the number of this one, or of one to come, is not what was said."""
    if published is None:
        return "unknown"
    version = str(used["version"])
    earlier = version.isdecimal() and int(version) < published.version
    return "same" if earlier or used["sha256"] == published.sha256 else "differs"


def _egress(entry: AlgorithmEntry, egress: Sequence[Mapping[str, Any]] | None) -> Iterable[Compared]:
    said = ", ".join(entry.gateway.purposes) or "—"
    if egress is None:
        yield Compared("egress", "unknown", said, "?")
        return
    mine = [row for row in egress if row["algorithm"] == entry.id]
    purposes = sorted({str(row["purpose"]) for row in mine})
    fits = set(purposes) <= set(entry.gateway.purposes)
    yield Compared("egress", "same" if fits else "differs", said, ", ".join(purposes) or "—")
    abroad = sum(int(row["askings"]) for row in mine if row["place"] == "abroad")
    if mine:
        personal = [
            row for row in mine if row["place"] == "abroad" and row["class"] not in ("public", "statistics")
        ]
        yield Compared("abroad", "differs" if personal else "same", "0", str(abroad))
