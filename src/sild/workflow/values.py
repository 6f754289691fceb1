"""What a step came to, as JSON: its result, or the refusal that ended it, so that a replay raises the very same."""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer

from sild.errors import CallerError, PeerError, PlatformError, TrustError, Unavailable

__all__ = ["Json", "JsonSerializer", "outcome_of", "result_of"]

Json = Any  # None, bool, int, float, str, list, dict: what json.dumps takes
Outcome = dict[str, Json]

_KINDS: tuple[type[PlatformError], ...] = (CallerError, PeerError, TrustError, Unavailable)


class JsonSerializer(Serializer):
    """Workflows are kept as JSON that people can read, and never unpickled.

    Exceptions have no place in it: steps and workflows give their errors as values. What escapes all the same (DBOS's own, at a
    cancellation) is kept as its text.
    """

    def serialize(self, data: Json) -> str:
        return json.dumps(data, default=repr, ensure_ascii=False)

    def deserialize(self, serialized_data: str) -> Json:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "sild_json"


def outcome_of(error: PlatformError) -> Outcome:
    kind = next((kind for kind in _KINDS if isinstance(error, kind)), PlatformError)
    return {
        "refused": kind.__name__,
        "code": error.code,
        "stages": list(error.stages),
        "message": error.message,
        "detail": error.detail,
        "retry_after": error.retry_after if isinstance(error, Unavailable) else None,
    }


def result_of(outcome: Outcome) -> Json:
    """The result; raises the refusal again, or RuntimeError for a bug."""
    if "bug" in outcome:
        raise RuntimeError(f"the step failed: {outcome['bug']}")
    if "refused" not in outcome:
        return outcome["result"]
    kind = next((kind for kind in _KINDS if kind.__name__ == outcome["refused"]), PlatformError)
    error = kind(outcome["message"], code=outcome["code"], **outcome["detail"])
    error.stages = tuple(outcome["stages"])
    if isinstance(error, Unavailable):
        error.retry_after = outcome["retry_after"]
    raise error
