"""A model before everybody's eyes: what it is for, how good it is, how it is now, every curve; and the file itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from babel.numbers import format_decimal
from markupsafe import Markup
from starlette.responses import Response

from sild.cases import AUTOMATIC, HeldModel
from sild.catalogue import Profile
from sild.clock import Clock
from sild.errors import CallerError, PlatformError
from sild.models import (
    ALARM,
    SMALL_GROUP,
    WATCH,
    Drift,
    LiveFigures,
    live_figures,
    predicted_plot,
    term_plot,
)
from sild.portal.pages import Pages
from sild.portal.ports import Exchange
from sild.portal.visit import Visit
from sild.telemetry import get_logger

__all__ = ["ModelDrift", "ModelPages", "ModelState"]

log = get_logger("portal")

KEPT = timedelta(hours=1)
"""How long live figures stand before the register is asked again; after a failure for a minute."""
AGAIN = timedelta(minutes=1)
YEARS = 5
BASELINES = ("model", "last_year", "average_change", "mean_of_three_years")


@dataclass(frozen=True, slots=True)
class ModelDrift:
    """How far what the model looks at has moved since it was trained: the population stability index of each input, the gravest first.

    sha256: of the model that runs.  learned: first and last year.  at: when it was computed, of the statistics of `year`.

    state: `steady`, `watch` (from `limits[0]`), `alarm` (from `limits[1]`); `few`: of fewer communes than are told of; `silent`: the
    register does not answer now.  inputs: label, index, level; empty unless it is told.
    """

    model: str
    title: str
    version: int
    sha256: str
    trained_on: date
    learned: tuple[int, int]
    state: str
    at: datetime | None = None
    year: int | None = None
    communes: int = 0
    smallest: int = SMALL_GROUP
    limits: tuple[float, float] = (WATCH, ALARM)
    inputs: Sequence[tuple[str, float, str]] = ()


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model as it is now: drift of what it looks at; in the newest year that is known its mean error in percent, that of last year's
    number, its bias, of how many communes, and how many it gave no number; the same for groups of communes.

    groups: kind (`kind`, `province`), code, label; communes, error, bias: None of fewer than five.  Empty and None when it is not known.
    """

    drift: ModelDrift
    error: float | None = None
    last_year: float | None = None
    bias: float | None = None
    communes: int = 0
    refused: int = 0
    groups: Sequence[tuple[str, str, str, tuple[int, float, float] | None]] = ()

    def to_json(self) -> dict[str, Any]:
        """For other registers: figures with three digits after the point; null: not known now, or of too small a group."""
        drift = self.drift
        return {
            "model": drift.model,
            "version": drift.version,
            "sha256": drift.sha256,
            "trained_on": drift.trained_on.isoformat(),
            "computed_at": None if drift.at is None else drift.at.isoformat(),
            "year": drift.year,
            "drift": {
                "state": drift.state,
                "watch_from": drift.limits[0],
                "alarm_from": drift.limits[1],
                "inputs": [
                    {"input": label, "population_stability_index": round(index, 3), "level": level}
                    for label, index, level in drift.inputs
                ],
            },
            "error_percent": _rounded(self.error),
            "error_percent_of_last_year": _rounded(self.last_year),
            "bias_percent": _rounded(self.bias),
            "communes": self.communes,
            "refused": self.refused,
            "fairness": [
                {
                    "by": kind,
                    "group": code,
                    "communes": None if said is None else said[0],
                    "error_percent": None if said is None else _rounded(said[1]),
                    "bias_percent": None if said is None else _rounded(said[2]),
                }
                for kind, code, _, said in self.groups
            ],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


class ModelPages:
    """models: by name.  exchange: to the register whose statistics a model looks at."""

    def __init__(
        self,
        pages: Pages,
        exchange: Exchange,
        models: Mapping[str, HeldModel],
        profile: Profile,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._exchange = exchange
        self._models = models
        self._places = {f"{profile.country} {one.code}": one.name for one in profile.divisions}
        self._clock = clock
        self._live: dict[str, tuple[datetime, datetime, LiveFigures | None]] = {}

    async def card(self, visit: Visit) -> Response:
        model = self._find(visit)
        _at, live = await self._figures(model)
        language = visit.language
        labels = {name: text[language] for name, text in model.card.features.items()}
        say = self._pages.texts.speaker(language)

        def number(value: float, digits: int = 1) -> str:
            text = str(format_decimal(abs(value), f"#,##0.{'0' * digits}", locale=language))
            return ("−" if value < 0 and text.strip("0.,") else "") + text

        values: dict[str, Any] = {
            "card": model.card,
            "model": model,
            "told": model.evaluation,
            "baselines": BASELINES,
            "live": live,
            "labels": labels,
            "places": self._places,
            "number": number,
            "plots": [self._plot(model, term, labels) for term in model.box.terms],
            "predicted": None
            if live is None or not live.pairs
            else Markup(  # noqa: S704  made of numbers and escaped words
                predicted_plot(
                    live.pairs,
                    say("model.predicted", year=live.year),
                    (say("model.predicted_change"), say("model.real_change")),
                )
            ),
        }
        return self._pages.page(visit, "model.html", values)

    async def drift(self, name: str, language: str) -> ModelDrift | None:
        """Of a model that is published; None of any other."""
        model = self._models.get(name)
        if model is None:
            return None
        at, live = await self._figures(model)
        card, labels = model.card, {one: text[language] for one, text in model.card.features.items()}
        held = ModelDrift(
            card.id,
            card.title[language],
            card.version,
            model.sha256,
            card.trained_on,
            model.box.training.years,
            "silent",
        )
        if live is None:
            return held
        dated = replace(held, at=at, year=live.year, communes=live.communes)
        if live.communes < SMALL_GROUP:
            return replace(dated, state="few")
        known = sorted((one for one in live.drift if one.level != "unknown"), key=_gravest)
        if not known:
            return held
        inputs = tuple((labels[one.feature], one.index, one.level) for one in known)
        return replace(dated, state=known[0].level, inputs=inputs)

    async def state(self, algorithm: str, language: str) -> ModelState | None:
        """Of the model of an entry in the register of algorithms; None: it has none that is published."""
        name = next((one.card.id for one in self._models.values() if one.card.algorithm == algorithm), None)
        drift = None if name is None else await self.drift(name, language)
        if name is None or drift is None:
            return None
        model = self._models[name]
        _at, live = await self._figures(model)
        if live is None or live.accuracy is None or live.communes < SMALL_GROUP:
            return ModelState(drift)
        labels = {one: text[language] for one, text in model.card.features.items()}
        return ModelState(
            drift,
            error=live.accuracy.percent,
            last_year=None if live.last_year is None else live.last_year.percent,
            bias=live.accuracy.bias,
            communes=live.accuracy.cases,
            refused=live.refused,
            groups=[
                (
                    one.kind,
                    one.group,
                    labels.get(one.group) or self._places.get(one.group, one.group),
                    None
                    if one.accuracy is None
                    else (one.accuracy.cases, one.accuracy.percent, one.accuracy.bias),
                )
                for one in live.groups
            ],
        )

    async def file(self, visit: Visit) -> Response:
        """model.json, as decisions name it by its hash."""
        return Response(self._find(visit).content, media_type="application/json")

    def _plot(self, model: HeldModel, term: Any, labels: Mapping[str, str]) -> tuple[str, Markup]:  # a Term
        name = " × ".join(labels[feature] for feature in term.features)
        return name, Markup(term_plot(model.box, term, name, labels))  # noqa: S704  made of numbers and escaped words

    def _find(self, visit: Visit) -> HeldModel:
        found = self._models.get(visit.call.parameters["model"])
        if found is None:
            raise CallerError("no such model", code="not_found")
        return found

    async def _figures(self, model: HeldModel) -> tuple[datetime, LiveFigures | None]:
        """Of the newest statistics, and when they were computed; None while the register does not give them."""
        now = self._clock()
        until, at, figures = self._live.get(model.box.id, (now, now, None))
        if now < until:
            return at, figures
        try:
            answer = await self._exchange.call(
                model.card.source,
                "GET",
                f"/places/statistics?years={YEARS}",
                case=None,
                basis=model.card.ground,
                acting=AUTOMATIC,
            )
            figures = await asyncio.to_thread(live_figures, model.box, answer.json["items"])
            self._live[model.box.id] = (now + KEPT, now, figures)
        except (PlatformError, KeyError, TypeError) as error:
            log.warning("portal.no_live_figures", model=model.box.id, reason=type(error).__name__)
            figures = None
            self._live[model.box.id] = (now + AGAIN, now, None)
        return now, figures


def _gravest(one: Drift) -> float:
    return -one.index
