"""A specimen of what a rule package decides: made-up facts in, the running rules' outcome and reasons out, sealed as a specimen.

For the public register of algorithms, which shows what such a decision looks like where real ones are nobody's business. It is no
decision and cannot become one: it has another form than a record, no id, case, subject or place in the log, `kind` says what it is in
what is sealed, and the verifier of decisions finds no decision in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Path

from sild.documents import canonical_json, parse_statement, seal_statement
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.kernel.http import AnyUsage, Model
from sild.rules import Evaluation, Example, RulePackage, first_example, reasons

__all__ = ["SPECIMEN", "SPECIMEN_TITLES", "Specimens", "add_specimen_paths"]

SPECIMEN = "specimen"
SPECIMEN_TITLES: dict[str, tuple[int, str]] = {"unknown_package": (404, "No such rules, or none to show")}
SAYS = {
    "et": "NÄIDIS. Väljamõeldud faktid, mille kohta töötavad reeglid arvutasid. See ei ole otsus ega ole kellegi kohta.",
    "vi": "MẪU. Dữ kiện tưởng tượng do quy tắc đang chạy tính ra. Đây không phải quyết định và không về ai.",
    "en": "SPECIMEN. Made-up facts on which the running rules were run. It is no decision, and about nobody.",
}


class SealedSpecimen(Model):
    """statement: canonical JSON; seal: of exactly these bytes by the body, as `verify_statement` of an act.  decides: whether this register has decided by these rules."""

    statement: dict[str, Any]
    seal: dict[str, Any]
    decides: bool


class Specimens:
    """Made once for each package, when somebody asks first: of one package there is one."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding
        self._made: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def of(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Statement and seal. Blocks. Raises CallerError (`unknown_package`; as the rules do), Unavailable (the seal's key)."""
        deciding = self._deciding
        package = deciding.package(name)
        if package.sha256 not in self._made:
            example = first_example(package)
            if example is None:
                raise CallerError(f"{name} brings no example", code="unknown_package")
            evaluation = deciding.engine.evaluate(
                package, example.situation, list(example.asked), at=example.at
            )
            told = _statement(package, example, evaluation, deciding.authority)
            content = canonical_json(told)
            seal = seal_statement(content, deciding.store.sealer)
            self._made[package.sha256] = told, dict(parse_statement(seal))
        return self._made[package.sha256]


def add_specimen_paths(app: FastAPI, deciding: Deciding) -> None:
    specimens = Specimens(deciding)

    @app.get("/rules/{package}/specimen", operation_id="getSpecimen")
    def get_specimen(package: Annotated[str, Path(max_length=100)], usage: AnyUsage) -> SealedSpecimen:
        """What these rules decide, on made-up facts: sealed as a specimen, which is no decision."""
        statement, seal = specimens.of(package)
        with deciding.kernel.used("getSpecimen", usage) as use:
            made = deciding.store.made_by(use.connection, statement["rules"]["sha256"], limit=1)
        return SealedSpecimen(statement=statement, seal=seal, decides=bool(made))


def _statement(
    package: RulePackage, example: Example, evaluation: Evaluation, authority: str
) -> dict[str, Any]:
    """JSON. Nothing of the moment stands in it: the same rules give the same specimen, byte for byte."""
    return {
        "kind": SPECIMEN,
        "says": SAYS,
        "authority": authority,
        "rules": {"package": package.name, "version": package.version, "sha256": package.sha256},
        "example": example.name,
        "valid_on": example.at.isoformat(),
        "inputs": [
            {"name": "/".join(filter(None, (plural, instance, name, period))), "type": kind, "value": value}
            for plural, instances in example.situation.items()
            for instance, facts in instances.items()
            for name, told in facts.items()
            for kind, period, value in _by_period(package, name, told)
        ],
        "unknowns": [
            {
                "name": f"{one.entity}/{one.variable}/{one.period}",
                "asked_of": one.holder,
                "blocking": True,
            }
            for one in evaluation.unknowns
        ],
        "outcome": [
            {
                "name": f"{one.entity}/{one.variable}/{one.period}",
                "type": package.outputs[one.variable].type,
                "currency": package.outputs[one.variable].currency,
                "value": one.value,
            }
            for one in evaluation.values
        ],
        "reasons": [
            {"code": one.code, "article": one.article, "text": dict(one.text)}
            for one in reasons(package, evaluation)
        ],
        "parameters": [
            {"path": one.path, "value": one.value, "valid_from": one.valid_from, "article": one.article}
            for one in evaluation.parameters
        ],
        "trace_root": evaluation.trace.root,
    }


def _by_period(package: RulePackage, name: str, told: Any) -> Iterator[tuple[str, str, Any]]:
    """Kind, period, value. told: by period; of a role the names of its members."""
    if not isinstance(told, Mapping):
        yield "role", "", told
        return
    for period, value in told.items():
        yield package.facts[name].type, period, value
