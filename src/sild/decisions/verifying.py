"""The stand-alone verifier, as a part of this room: one file for the ombudsman and for us.

It lies in `examples/verify_decision.py`; an installed package carries it beside this module.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

__all__ = ["Finding", "verifier_file", "verify_bundle"]

NAME = "verify_decision.py"


@dataclass(frozen=True, slots=True)
class Finding:
    """verdict: `unknown` where something is missing that would tell: trust, a checkpoint, a time-stamp."""

    verdict: Literal["holds", "broken", "unknown"]
    text: str


def verifier_file() -> Path:
    """The program itself, to be given away."""
    beside = Path(__file__).with_name(NAME)
    return beside if beside.exists() else Path(__file__).parents[3] / "examples" / NAME


@cache
def _verifier() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sild_verify_decision", verifier_file())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verify_bundle(bundle: bytes, trusted: Iterable[bytes] = (), *, head: str | None = None) -> list[Finding]:
    """trusted: certificates, DER.  head: a checkpoint that was kept. It holds if every finding does."""
    module = _verifier()
    verdicts: dict[str, Literal["holds", "broken", "unknown"]] = {
        module.HOLDS: "holds",
        module.BROKEN: "broken",
        module.UNKNOWN: "unknown",
    }
    return [
        Finding(verdicts[verdict], text) for verdict, text in module.findings(bundle, list(trusted), head)
    ]
