"""Its paths: those of every register that decides, and nothing else."""

from __future__ import annotations

from fastapi import FastAPI

from sild.registries.case_decisions.register import CaseDecisions
from sild.registries.deciding.http import DECISION_ACTIONS, DECISION_TITLES, add_decision_paths
from sild.registries.kernel.http import SelfDescription, register_app

__all__ = ["make_app"]

DESCRIPTION = SelfDescription(
    "cases",
    {
        "en": "Decisions made in cases",
        "et": "Menetlustes tehtud otsused",
        "vi": "Quyết định trong hồ sơ",
    },
    "Municipality",
    (),
)


def make_app(register: CaseDecisions, *, url: str | None = None) -> FastAPI:
    app = register_app(
        register.kernel, DESCRIPTION, titles=DECISION_TITLES, actions=DECISION_ACTIONS, url=url
    )
    add_decision_paths(app, register.deciding)
    return app
