"""What a call to a model leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sild.errors import PeerError

__all__ = ["CallRecord", "Completion"]

_COUNTS = ("hits", "links_removed", "input_tokens", "output_tokens", "milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as the gateway's ledger has it (DECISIONS 1, row 7).

    template_id: `id@version`.  location: region of the provider, or `local`.  parameters: passed on; fractions as text.
    output_sha256: hex, of `Completion.text` in UTF-8.  schema: SHA-256 of the form asked for.
    hits: what the second lock found in the values, by kind.
    """

    call_id: str
    purpose: str
    provider: str
    location: str
    model: str
    reported_version: str | None
    parameters: Mapping[str, str | int]
    seed: int | None
    template_id: str
    template_sha256: str
    input_classes: tuple[str, ...]
    redactions: int
    output_sha256: str
    schema: str | None
    validation: str
    hits: tuple[str, ...]
    links_removed: int
    input_tokens: int
    output_tokens: int
    milliseconds: int

    def model_call(self) -> dict[str, object]:
        """JSON for `model_calls` of a decision record; whether it was used is the record's own word."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _COUNTS}
        return {**found, "parameters": dict(self.parameters), "input_classes": list(self.input_classes)}


@dataclass(frozen=True, slots=True)
class Completion:
    """data: the JSON of `text`, where the template asks for JSON."""

    text: str
    data: Any  # JSON as json.loads gives it
    call: CallRecord


def read_record(value: Any) -> CallRecord:  # JSON as json.loads gives it
    """Raises PeerError for what is no record."""
    try:
        known = {each.name: value[each.name] for each in fields(CallRecord)}
    except (TypeError, KeyError) as error:
        raise PeerError("the gateway's answer has no record of the call", code="invalid_answer") from error
    return CallRecord(
        **{**known, "input_classes": tuple(known["input_classes"]), "hits": tuple(known["hits"])}
    )
