"""From a draft to the fields of a record: every secret sealed, every hash filled in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from sild.decisions.canonical import canonical_json, sha256_of
from sild.decisions.identifiers import uuid7
from sild.decisions.record import DecisionRecord, Draft
from sild.decisions.values import BodyKeys, seal_value
from sild.errors import CallerError

__all__ = ["input_rows", "invalid", "seal_draft", "subject_rows"]


def seal_draft(
    draft: Draft, *, record: str, keys: BodyKeys, at: datetime, random: Callable[[int], bytes]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The fields in JSON, and of each sealed value `ref`, `record`, `place`, `nonce`, `content`, `key`.

    Raises CallerError (`invalid_decision`) for a value that is none.
    """
    sealing = _Sealing(record, keys, at, random)
    try:
        trace = None if draft.trace is None else json.loads(canonical_json(dict(draft.trace)))
        fields: dict[str, Any] = sealing.walk(draft.model_dump(mode="json", exclude={"trace"}), "")
        if trace is not None:
            ref, root = sealing.seal(trace, "/trace")
            fields["trace"] = {"root": root, "blob": ref, "nodes": len(trace.get("nodes", ()))}
        _fill_hashes(fields)
    except ValueError as error:
        raise CallerError(f"no decision: {error}", code="invalid_decision") from None
    return fields, sealing.rows


@dataclass
class _Sealing:
    record: str
    keys: BodyKeys
    at: datetime
    random: Callable[[int], bytes]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def seal(self, value: object, place: str) -> tuple[str, str]:
        """Reference and commitment."""
        ref = str(uuid7(self.at, self.random(10)))
        row = seal_value(value, ref=ref, record=self.record, keys=self.keys, random=self.random)
        self.rows.append(
            {
                "ref": ref,
                "record": self.record,
                "place": place,
                "nonce": row.nonce,
                "content": row.content,
                "key": row.wrapped,
            }
        )
        return ref, row.sha256

    def walk(self, part: Any, place: str) -> Any:
        if isinstance(part, dict):
            if set(part) == {"secret"}:
                ref, sha256 = self.seal(part["secret"], place)
                return {"sealed": ref, "sha256": sha256}
            return {name: self.walk(value, f"{place}/{name}") for name, value in part.items()}
        if isinstance(part, list):
            return [self.walk(value, f"{place}/{number}") for number, value in enumerate(part)]
        return part


def _fill_hashes(fields: dict[str, Any]) -> None:
    """Of inputs, and of what models said that became inputs."""
    for one in fields["inputs"]:
        value = one["value"]
        one["sha256"] = value["sha256"] if isinstance(value, dict) else one["sha256"] or sha256_of(value)
    said = {one["message_id"]: one["sha256"] for one in fields["inputs"] if one["asserted_by"] == "model"}
    for call in fields["model_calls"]:
        if call["used_as_input"] and call["call_id"] in said:
            call["output_sha256"] = said[call["call_id"]]


def invalid(error: ValidationError) -> CallerError:
    """Says which field and why, and no value."""
    wrong = "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        for fault in error.errors(include_input=False, include_url=False)[:5]
    )
    return CallerError(f"no decision: {wrong}", code="invalid_decision")


def subject_rows(record: DecisionRecord) -> list[dict[str, Any]]:
    pairs = {(subject.ref, subject.role) for subject in record.subjects}
    return [{"ref": ref, "record": str(record.id), "role": role} for ref, role in sorted(pairs)]


def input_rows(record: DecisionRecord) -> list[dict[str, Any]]:
    """One for each input; and one for each further message that its value was made of, so that it is found by that, too."""
    rows = [
        {
            "name": one.name,
            "register": one.register_,
            "message_id": one.message_id,
            "sha256": one.sha256,
            "valid_at": one.valid_at,
        }
        for one in record.inputs
    ]
    rows += [
        {
            "name": one.name,
            "register": further.register_,
            "message_id": further.message_id,
            "sha256": one.sha256,
            "valid_at": one.valid_at,
        }
        for one in record.inputs
        for further in one.further_messages or ()
    ]
    return [{"record": str(record.id), "position": number, **row} for number, row in enumerate(rows)]
