"""What the model says about a commune, as a value that is kept: made when the official's own view is stored, never before.

Numbers of places are whole tenths, so that the parts on the screen add up to the number on it. With no model, or with inputs it was
not trained on, the value says that instead, and nothing else is different.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from babel.numbers import format_decimal

from sild.cases.plan_models import HeldModel
from sild.cases.views import Explained, ExplainedPart
from sild.i18n import Speaker
from sild.models import NoPrediction, Prediction, drift_of, features_of, predict
from sild.models.kindergarten import by_commune

__all__ = ["drift_in", "explained", "suggestion_of"]

JSON = Mapping[str, Any]


def drift_in(model: HeldModel | None, rows: Sequence[JSON]) -> list[JSON]:
    """Features whose values are no longer as in the training, over all communes of the newest year."""
    if model is None or not rows:
        return []
    year = max(row["year"] for row in rows)
    values = [features_of(own, year) for own in by_commune(rows).values()]
    return [
        {"feature": one.feature, "index": f"{one.index:.3f}", "level": one.level}
        for one in drift_of(model.box, values)
        if one.level in ("watch", "alarm")
    ]


def suggestion_of(model: HeldModel | None, rows: Sequence[JSON], year: int, drift: Sequence[JSON]) -> JSON:
    """rows: of the commune.  year: planned for. `kind` is `number`, `outside` or `no_model`."""
    if model is None:
        return {"kind": "no_model"}
    named = {"id": model.box.id, "version": model.box.version, "sha256": model.sha256}
    features = features_of(rows, year - 1)
    said = predict(model.box, features)
    given = {name: _written(value) for name, value in features.items()}
    match said:
        case NoPrediction():
            outside = [
                {"feature": one.feature, "value": _written(one.value), "range": one.range}
                for one in said.outside
            ]
            return {
                "kind": "outside",
                "model": named,
                "features": given,
                "outside": outside,
                "unknown": [*said.unknown],
            }
        case Prediction():
            return {
                "kind": "number",
                "model": named,
                "features": given,
                **_numbers(said),
                "drift": [dict(one) for one in drift],
            }


def _numbers(said: Prediction) -> dict[str, Any]:
    """In whole tenths of a place; what rounding leaves over goes to the parts that lost most by it."""
    base, total = round(said.base * 10), round(said.places * 10)
    exact = [said.intercept_places * 10, *(part.places * 10 for part in said.contributions)]
    whole = [math.floor(value) for value in exact]
    left = total - base - sum(whole)
    by_loss = sorted(range(len(exact)), key=lambda n: whole[n] - exact[n])
    for n in by_loss[: max(0, left)]:
        whole[n] += 1
    spreads = [part.spread * said.base / 10 for part in said.contributions]
    return {
        "base": base,
        "intercept": whole[0],
        "parts": [
            {"term": part.term, "features": [*part.features], "tenths": tenths, "spread": round(spread)}
            for part, tenths, spread in zip(said.contributions, whole[1:], spreads, strict=True)
        ],
        "total": total,
        "places": round(said.places),
        "low": round(said.low),
        "high": round(said.high),
        "share": f"{said.share:.0%}",
    }


def _written(value: float | str | None) -> str | None:
    return f"{value:.2f}" if isinstance(value, float) else None if value is None else str(value)


def explained(
    model: HeldModel | None, told: JSON, own: int, year: int, say: Speaker, language: str
) -> Explained:
    """In the viewer's words. told: as `suggestion_of` made it.  own: the official's number."""

    def label(name: str) -> str:
        words = model.card.features.get(name, {}) if model is not None else {}
        return words.get(language) or name

    def number(value: int) -> str:
        return str(format_decimal(value, locale=language))

    if told["kind"] == "no_model":
        return Explained(absent=say("suggestion.no_model"))
    source = say("suggestion.source", **told["model"])[:200]
    link = f"/models/{told['model']['id']}"
    if told["kind"] == "outside":
        reasons = [
            say("suggestion.outside", feature=label(one["feature"]), value=one["value"], range=one["range"])
            for one in told["outside"]
        ]
        reasons += [say("suggestion.unknown", feature=label(name)) for name in told["unknown"]]
        return Explained(absent=" ".join(reasons), source=source, link=link)
    parts = [ExplainedPart(say("suggestion.general"), "", told["intercept"], 0)]
    for part in sorted(told["parts"], key=lambda one: -abs(one["tenths"])):
        values = [_value(told["features"][name], label, language) for name in part["features"]]
        names = " × ".join(label(name) for name in part["features"])
        parts.append(ExplainedPart(names, "; ".join(values), part["tenths"], part["spread"]))
    difference = told["places"] - own
    return Explained(
        base_label=say("suggestion.base", year=year - 1),
        base=told["base"],
        parts=tuple(parts),
        total_label=say("suggestion.total", year=year),
        total=told["total"],
        interval=say(
            "suggestion.interval",
            low=number(told["low"]),
            high=number(told["high"]),
            share=told["share"],
        ),
        warnings=tuple(
            say(f"suggestion.drift_{one['level']}", feature=label(one["feature"]), index=one["index"])
            for one in told["drift"]
        ),
        shown=(
            (say("suggestion.yours"), number(own)),
            (say("suggestion.models"), number(told["places"])),
            (say("suggestion.difference"), f"{difference:+d}"),
        ),
        source=source,
        link=link,
    )


def _value(written: str | None, label: Callable[[str], str], language: str) -> str:
    """A number as the language writes it, a kind in words."""
    if written is None:
        return ""
    try:
        number = float(written)
    except ValueError:
        return label(written)
    return str(format_decimal(number, "#,##0" if abs(number) >= 100 else "#,##0.0", locale=language))
