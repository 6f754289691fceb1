"""What the registers list about a person, held against what message logs say: `examples/verify_completeness.py` does the same. Pure.

A log says which requests are about the person; each must be in a register's list or among those that the register says the law keeps back.
A register says which messages it used the person's data by; each must lie in the log of its own security server, for as long as that
keeps them, but for what a register did itself. What no log was asked about is not agreed upon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sild.portal.ports import TrackerEntry, Usage, Witness

__all__ = ["Agreement", "Unlisted", "agreement"]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Requests about the person that no register lists. register: `GOV/70000002/population`.  messages: SHA-256 of their ids.

    withheld: how many of them the register may mean by what it says the law keeps back.
    """

    register: str
    messages: tuple[str, ...]
    withheld: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """logged: requests about the person that the logs have.  unlisted: of those, what registers hide.  lacking: what they list and their log has not.

    elsewhere: requests about the person to systems that keep no list here.  in_passing: requests whose body alone names them, that no
    register lists.  unread: requests, about whomever they are, that could not be read whole.  unwitnessed: registers of whose log nobody
    said anything.  failed: keepers that could not be asked, and why.  since: the earliest from which on all logs are whole; None: always.
    """

    logged: int
    unlisted: tuple[Unlisted, ...]
    lacking: tuple[TrackerEntry, ...]
    elsewhere: Mapping[str, int]
    in_passing: Mapping[str, int]
    unread: Mapping[str, int]
    unwitnessed: tuple[str, ...]
    failed: Mapping[str, str]
    since: datetime | None

    @property
    def finds(self) -> bool:
        """Whether a register hides something, or lists what never was."""
        return bool(self.unlisted or self.lacking)

    @property
    def holds(self) -> bool:
        """Whether every register's list was held against a log, and none of them says otherwise."""
        return not (self.finds or self.unwitnessed or self.failed)


def agreement(usage: Usage, witnesses: Sequence[Witness]) -> Agreement:
    """Of registers that answered. While one is silent nobody hides anything: what it told others stands in its list."""
    said = [one.said for one in witnesses if one.failed is None]
    names = {usage.addresses.get(name, name): name for name in usage.total}
    shown = {sha256(entry.message_id) for entry in usage.entries if entry.message_id}
    about, passing = _together(said, "registers"), _together(said, "in_passing")
    unlisted, elsewhere = [], {}
    for register, ids in about.items():
        hidden = ids - shown
        if register not in names:
            if hidden and not _is_silent(register, usage):
                elsewhere[register] = len(hidden)
            continue
        withheld = usage.withheld.get(names[register], 0)
        if len(hidden) > withheld and not usage.failed_registers:
            unlisted.append(Unlisted(register, tuple(sorted(hidden)), withheld))
    every = set().union(*about.values())
    beside = {register: len(ids - shown - every) for register, ids in passing.items()}
    hosted = {one for each in said for one in each["hosts"]}
    since = [datetime.fromisoformat(each["since"]) for each in said if each["since"]]
    return Agreement(
        logged=len(every),
        unlisted=tuple(unlisted),
        lacking=tuple(_lacking(usage, said)),
        elsewhere=elsewhere,
        in_passing={register: count for register, count in beside.items() if count},
        unread={register: count for one in said for register, count in one["unread"].items()},
        unwitnessed=tuple(sorted(name for address, name in names.items() if address not in hosted)),
        failed={one.keeper: one.failed for one in witnesses if one.failed is not None},
        since=max(since, default=None),
    )


def _is_silent(register: str, usage: Usage) -> bool:
    """One that keeps a list and did not answer: the page says so already."""
    return register in {usage.addresses.get(name, name) for name in usage.failed_registers}


def _together(said: Sequence[Mapping[str, Any]], name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in said:
        for register, ids in one[name].items():
            found.setdefault(register, set()).update(ids)
    return found


def _lacking(usage: Usage, said: Sequence[Mapping[str, Any]]) -> list[TrackerEntry]:
    found = []
    for entry in usage.entries:
        register = usage.addresses.get(entry.register, entry.register)
        if not entry.message_id or is_own_work(entry, register):
            continue
        for one in said:
            kept_since = one["kept_since"]
            is_kept = kept_since is None or entry.at >= datetime.fromisoformat(kept_since)
            if register in one["hosts"] and is_kept and sha256(entry.message_id) in one["lacking"]:
                found.append(entry)
    return found


def is_own_work(entry: TrackerEntry, register: str) -> bool:
    """What a register did by itself: no message brought it."""
    return register.endswith(f"/{entry.body.rpartition('/')[2]}/{entry.system}")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
