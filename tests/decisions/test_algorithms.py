"""The algorithm register: entries that are whole, the forms of other registers, figures that are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import sild.packs
from sild.decisions import (
    AlgorithmEntry,
    DecisionStore,
    ReplayReport,
    atrs_json,
    figures_of,
    keep_replay,
    load_algorithms,
    minbzk_json,
    parse_algorithm,
)
from sild.errors import CallerError

from .world import draft

PACKS = Path(sild.packs.__path__[0])
SCHEMA = json.loads(Path(__file__).with_name("minbzk-1.0.0.schema.json").read_text())
ENTRIES = load_algorithms(PACKS)


def written(**changes: Any) -> dict[str, Any]:
    return {**yaml.safe_load((PACKS / "social/algorithms/family-benefits.yaml").read_text()), **changes}


def test_the_schema_has_the_fields_of_the_dutch_one() -> None:
    assert (len(SCHEMA["properties"]), len(SCHEMA["required"])) == (32, 18)


@pytest.mark.parametrize("language", ["et", "vi", "en"])
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_goes_out_in_other_registers_forms(entry: AlgorithmEntry, language: str) -> None:
    jsonschema.validate(minbzk_json(entry, language, base="https://sild.example"), SCHEMA)
    atrs = atrs_json(entry, language)
    assert (atrs["standard_version"], len(atrs["tier_2"])) == ("3.0", 5)
    assert atrs["tier_2"]["decision_making_process"]["rights_of_the_person"] == getattr(
        entry.rights, language
    )


def test_only_assessments_that_were_made_are_named() -> None:
    exported = {one.id: minbzk_json(one, "en", base="https://sild.example") for one in ENTRIES.values()}
    for one in ENTRIES.values():
        named = exported[one.id]["impact_assessments"]
        assert ("DPIA" in named, "FRIA" in named) == (one.dpia.made != "none", one.fria.made != "none")
    assert any("FRIA" not in one["impact_assessments"] for one in exported.values())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"dpia": None}, "/dpia"),
        ({"rights": {"et": "x", "en": "x"}}, "/rights/vi"),
        ({"status": "out_of_use"}, "end_date"),
        ({"status": "busy"}, "/status"),
        ({"start_date": "2026"}, "/start_date"),
        ({"packages": []}, "packages"),
        ({"package": "ee-family-benefits"}, "/package"),
        ({"ai_act": {"risk": "high"}}, "Annex VIII"),
        ({"whim": 1}, "/whim"),
        ({"name": {"et": "x", "vi": "x", "en": "x" * 100}}, "name/en has more than 99"),
    ],
)
def test_an_entry_is_whole_or_none(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(CallerError, match=place) as refused:
        parse_algorithm(written(**changes))
    assert refused.value.code == "invalid_algorithm"


def test_one_id_has_one_entry(tmp_path: Path) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for file in files:
        file.write_text(yaml.safe_dump(written()))
    with pytest.raises(CallerError, match="two entries"):
        load_algorithms(files)
    files[1].write_text("id: [")
    with pytest.raises(CallerError, match=r"b\.yaml"):
        load_algorithms(files)


def test_figures_are_counted(store: DecisionStore) -> None:
    person = {
        "official": "o-1",
        "role": "official",
        "view_sha256": "0" * 64,
        "action": "override",
        "seconds": 40,
    }
    with store.engine.begin() as connection:
        assert figures_of(connection, "family-benefits").to_json()["automatic_percent"] is None
        made = [store.decide(connection, draft(store, case=f"case-{number}")) for number in range(3)]
        unknown = [{"name": "persons/x/income/2025-02", "asked_of": "tax", "blocking": True}]
        changes: dict[str, Any] = {"automation": 3, "human": [person], "unknowns": unknown}
        store.decide(connection, draft(store, case="case-3", supersedes=made[0].id, **changes))
        store.decide(connection, draft(store, case="other", algorithm={"id": "another", "version": "1"}))
        for number in range(2):
            store.contested(connection, f"contest-{number}", made[number].id, line="fact")
        store.contest_decided(connection, "contest-0", overturned=True)
        store.contested(connection, "contest-0", made[0].id, line="fact")  # told twice
        with pytest.raises(CallerError, match="another decision") as taken:
            store.contested(connection, "contest-0", made[2].id, line="fact")
        assert taken.value.code == "contested_already", "nobody's contest is lost because its id was taken"
    keep_replay(store, ReplayReport(str(made[0].id), "match", ()))
    for _ in range(8):  # whoever likes the figure so much replays the good one again and again
        keep_replay(store, ReplayReport(str(made[0].id), "match", ()))
    keep_replay(store, ReplayReport(str(made[1].id), "mismatch", (), {"node": "n", "recorded": 1}))
    with store.engine.connect() as connection:
        found = figures_of(connection, "family-benefits").to_json()
    wanted = {
        "decisions": 4,
        "automatic": 3,
        "automatic_percent": "75.0",
        "overridden": 1,
        "unknown_percent": "25.0",
        "contested": 2,
        "contests_open": 1,
        "overturn_percent": "100.0",
        "superseded": 1,
        "replay_match_percent": "50.0",
        "package_sha256": "a" * 64,
    }
    assert {name: found[name] for name in wanted} == wanted
