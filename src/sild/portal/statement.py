"""The completeness statement: shown + lawfully withheld = all records that concern a person, signed; checked by
examples/verify_completeness.py without us.

A file of three parts: `entries` as the person reads them, `payload` with the counts of each register, a digest of every entry and what
each message log says (`witnesses`, sealed by whoever keeps it), `signature`: the payload as a JWS (RFC 7515, ES256) under a key of the
portal's /keys.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from joserfc import jws

from sild.openid import SigningKey
from sild.portal.agreement import agreement
from sild.portal.ports import TrackerEntry, Usage, Witness

__all__ = ["completeness_statement", "counts", "verifier_file"]

TYPE = "sild-completeness+jws"


def counts(usage: Usage) -> dict[str, dict[str, int]]:
    """By register: shown, withheld, total."""
    shown = Counter(entry.register for entry in usage.entries)
    registers = sorted({*shown, *usage.total, *usage.withheld})
    return {
        register: {
            "shown": shown[register],
            "withheld": usage.withheld.get(register, 0),
            "total": usage.total.get(register, 0),
        }
        for register in registers
    }


def completeness_statement(
    usage: Usage,
    *,
    person: str,
    issuer: str,
    at: datetime,
    key: SigningKey,
    nonce: str = "",
    witnesses: Sequence[Witness] = (),
) -> dict[str, Any]:  # JSON
    """person: whose data.  issuer: the portal's address.  nonce: which the witnesses say again.

    It says `complete` itself: no register missing, every sum right, and no log asked that says otherwise or could not be asked.
    """
    agreed = agreement(usage, witnesses)
    entries = [_entry(one) for one in usage.entries]
    registers = counts(usage)
    sums_fit = all(one["shown"] + one["withheld"] == one["total"] for one in registers.values())
    payload = {
        "version": 2,
        "issuer": issuer,
        "person": person,
        "made_at": at.isoformat(timespec="seconds"),
        "registers": registers,
        "not_answered": sorted(usage.failed_registers),
        "addresses": {name: usage.addresses[name] for name in registers if name in usage.addresses},
        "nonce": nonce,
        "witnesses": [
            {"keeper": one.keeper, "failed": one.failed}
            if one.failed is not None
            else {"keeper": one.keeper, "witness": one.sealed}
            for one in witnesses
        ],
        "complete": sums_fit and not usage.failed_registers and (agreed.holds or not witnesses),
        "entries_sha256": [digest(entry) for entry in entries],
    }
    header = {"alg": key.algorithm, "kid": key.key_id, "typ": TYPE}
    signature = jws.serialize_compact(header, canonical(payload), key.key, algorithms=[key.algorithm])
    return {"entries": entries, "payload": payload, "signature": signature}


def verifier_file() -> Path:
    """The program that checks a statement: beside this module when installed, in `examples` of a checkout."""
    name = "verify_completeness.py"
    places = Path(__file__).with_name(name), Path(__file__).resolve().parents[3] / "examples" / name
    return next(place for place in places if place.is_file())


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON without blanks, names in order, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(entry)).hexdigest()


def _entry(entry: TrackerEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "body": entry.body,
        "system": entry.system,
        "office": entry.office,
        "register": entry.register,
        "operation": entry.operation,
        "case": entry.case,
        "basis": entry.basis,
        "acting": entry.acting,
        "kind": entry.kind,
        "message_id": entry.message_id,
    }
