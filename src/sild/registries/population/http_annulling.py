"""The path by which officials say that somebody recorded as dead lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from fastapi import FastAPI
from pydantic import Field

from sild.registries.kernel import Fact, Use
from sild.registries.kernel.asking import AtDesk
from sild.registries.kernel.dispute_paths import DisputeId, ensure_others
from sild.registries.kernel.http import Model, PersonalUsage
from sild.registries.population.annulling import annul_death

if TYPE_CHECKING:
    from sild.registries.population.register import PopulationRegister

__all__ = ["ANNULLING_ACTIONS", "ANNULLING_TITLES", "add_annulling_path"]

ANNULLING_TITLES: dict[str, tuple[int, str]] = {
    "not_a_death": (409, "What is disputed is no death"),
    "said_it_yourself": (409, "Who said that the person died does not annul it"),
    "same_official": (409, "Another official confirms it"),
}
ANNULLING_ACTIONS = {"annulDeath": "An official said that the recorded death was none"}


class Annulment(Model):
    reason: str = Field(min_length=1, max_length=2_000, description="What it rests on")


class AnnulledDeath(Model):
    id: str = Field(description="Of the dispute")
    state: Literal["OPEN", "CORRECTED"] = Field(description="OPEN: another official is to confirm it")


def add_annulling_path(
    app: FastAPI, register: PopulationRegister, corrected: Callable[[Use, Fact], None]
) -> None:
    """corrected: as `add_fact_paths`."""

    @app.post("/disputes/{dispute_id}/annulment", operation_id="annulDeath")
    def post_annulment(
        dispute_id: DisputeId, body: Annulment, usage: PersonalUsage, desk: AtDesk
    ) -> AnnulledDeath:
        """Of a disputed death: the person lives. Two officials say so, one after the other. Events: `civil.death.annulled`, `fact.corrected`."""
        with register.kernel.used("annulDeath", usage) as use:
            desk.ensure()
            answer = use.answered()
            if answer is None:
                ensure_others(use, dispute_id)
                said, died = annul_death(use, register.tasks, dispute_id, body.reason)
                if died is not None:
                    corrected(use, died)
                answer = use.answer(said)
            return AnnulledDeath(**answer)
