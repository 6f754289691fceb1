"""A specimen of each rule package: made by the rules that run, sealed by the body, the same byte for byte, and never a decision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import sild
from sild.decisions import DecisionRecord, verify_bundle
from sild.documents import canonical_json, verify_statement
from sild.errors import PlatformError
from sild.registries.social.http import make_app
from sild.registries.social.register import SocialRegister
from sild.rules import shipped_packages
from support.asgi import Site, serving

from .asking import Asker, refused

PACKS = Path(sild.__file__).parent / "packs"
IN_ENTRIES = sorted(
    name
    for file in PACKS.glob("*/algorithms/*.yaml")
    for name in yaml.safe_load(file.read_text("utf-8")).get("packages", ())
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    register = SocialRegister.open(
        tmp_path_factory.mktemp("social"), system="/SILD/GOV/70000004/social", people=100
    )
    with serving(make_app(register)) as site:
        yield site
    register.kernel.close()


@pytest.mark.parametrize("package", IN_ENTRIES)
def test_every_package_of_an_entry_has_one(site: Site, package: str) -> None:
    told = Asker(site).value(f"/rules/{package}/specimen")
    statement = told["statement"]
    known = max(
        (one for one in shipped_packages().values() if one.name == package),
        key=lambda one: tuple(map(int, one.version.split("."))),
    )
    assert statement["kind"] == "specimen" and statement["rules"]["sha256"] == known.sha256
    assert statement["outcome"] and statement["inputs"] and statement["trace_root"]
    assert any(one["value"] is not None for one in statement["outcome"])
    assert set(statement["says"]) == {"et", "vi", "en"} and all(
        "ID" not in one for one in statement["inputs"]
    )
    seal = canonical_json(told["seal"])
    found = verify_statement(canonical_json(statement), seal, body="SILD/GOV/70000004", at=datetime.now(UTC))
    assert found.authority == "SILD/GOV/70000004"
    assert Asker(site).value(f"/rules/{package}/specimen") == told, "the same again"


def test_it_cannot_be_taken_for_a_decision(site: Site) -> None:
    told = Asker(site).value("/rules/ee-family-benefits/specimen")
    statement = told["statement"]
    with pytest.raises(ValueError):
        DecisionRecord.model_validate(statement)
    assert not {"id", "case", "subjects", "integrity", "decided_at", "effect"} & statement.keys()
    for bundle in (statement, told, {"record": statement, "integrity": {"seal": told["seal"]}}):
        try:
            found = verify_bundle(canonical_json(bundle) + b"\n", [])
        except PlatformError:
            continue
        assert {one.verdict for one in found} & {"broken"}, "the verifier finds no decision in it"
    changed = {**statement, "kind": "decision"}
    with pytest.raises(PlatformError) as error:
        verify_statement(
            canonical_json(changed),
            canonical_json(told["seal"]),
            body="SILD/GOV/70000004",
            at=datetime.now(UTC),
        )
    assert error.value.code == "bad_seal"
    assert told["decides"] is False, "nothing was decided by making it"
    assert json.dumps(told).count("EE3") == 0


def test_of_rules_there_are_none(site: Site) -> None:
    refused(Asker(site).get("/rules/no-such-rules/specimen"), 404, "unknown_package")
