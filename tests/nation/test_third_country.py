"""A third country as data: its description, its law, its services' grounds and its rules, with no line of program.

What its data are is made here from Viet Nam's; what stands between this and its own registers is told in docs/a-new-country.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import sild
from sild.cases import Packs, load_packs
from sild.database import sqlite_url
from sild.decisions import office_by_law
from sild.errors import CallerError
from sild.nation import CountryDescription, country_plan, parse_country
from sild.processes.registry import RegistrySettings
from sild.registries import CaseDecisions, Official, appoint, profile_named
from sild.rule_engine import RuleEngine
from sild.rules import RulePackage, load_packages
from sild.rules.package_tests import failures_of_tests

SHIPPED = Path(sild.__file__).parent
GROUND = "Dzimtsarakstu reģistra likums, 15. pants"
PROFILE = """
country: LV
names: {et: Läti, vi: Latvia, en: Latvia}
languages: [en, et, vi]
zone: Europe/Riga
currency: EUR
days: {free: [], working: []}
bound: []
deadlines:
  birth.choose_name: {value: 1, unit: months, basis: example}
  birth.register: {value: 0, unit: working_days, basis: example}
  birth.cover: {value: 2, unit: working_days, basis: example}
  birth.card: {value: 3, unit: working_days, basis: example}
  birth.offer: {value: 5, unit: working_days, basis: example}
  birth.kindergarten: {value: 5, unit: working_days, basis: example}
grounds: {conflict: example, contest: example, discretion: example}
remedies:
  challenge:
    name: {et: Vaie, vi: Khiếu nại, en: Challenge}
    body: {et: Kõrgem asutus, vi: Cơ quan cấp trên, en: The higher body}
    deadline: {value: 1, unit: months, basis: example}
    suspends: false
    suspends_basis: example
    form: /contest
divisions:
  - {code: LV-A, name: Ogres novads, tier: municipality, began: 2021-07-01}
  - {code: LV-B, name: Ikšķiles novads, tier: municipality, began: 2009-07-01, ended: 2021-07-01, successors: [LV-A]}
competence:
  - matter: birth
    tier: municipality
    office: {et: Perekonnaseisuamet, vi: Cơ quan hộ tịch, en: Civil registry office}
    basis: example
    began: 2013-01-01
"""


@dataclass(frozen=True)
class Third:
    packs: Packs
    description: CountryDescription
    package: RulePackage


def edited(path: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]  # YAML
    content = yaml.safe_load(path.read_text("utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> Third:
    root = tmp_path_factory.mktemp("third")
    shutil.copytree(SHIPPED / "packs", root / "packs")
    (root / "profiles").mkdir()
    (root / "profiles" / "lv.yaml").write_text(PROFILE, "utf-8")

    def own_grounds(service: dict) -> None:  # type: ignore[type-arg]
        service["countries"].append("LV")
        for one in service["evidence"]:
            one["ground"]["LV"] = GROUND
        service["legal_resources"].append({"uri": "example", "title": "Likums", "countries": ["LV"]})

    edited(root / "packs" / "civil" / "birth.yaml", own_grounds)
    rules = root / "packs" / "civil" / "rules"
    shutil.copytree(rules / "vn-birth-registration", rules / "lv-birth-registration")
    edited(
        rules / "lv-birth-registration" / "1.0.0" / "package.yaml",
        lambda package: package.update(name="lv-birth-registration", country="LV"),
    )
    names = yaml.safe_load((SHIPPED / "nation" / "countries" / "vn.yaml").read_text("utf-8"))
    names |= {"country": "LV", "instance_identifier": "SILD-LV", "registered_in": "en"}
    names["town"] |= {"code": "LV-A"}
    package = next(
        one for one in load_packages(root / "packs").values() if one.name == "lv-birth-registration"
    )
    return Third(load_packs("LV", root=root), parse_country(names), package)


def test_its_services_cite_its_own_law(third: Third) -> None:
    assert set(third.packs.services) == {"birth"}, "a service is a country's when its pack says so"
    birth = third.packs.services["birth"]
    assert {one.ground for one in birth.evidence} == {GROUND}
    assert [one.title for one in birth.legal_resources] == ["Likums"]
    assert load_packs("EE").services["birth"].ground_of("child.birth_notice") == "PKTS § 22"


def test_its_bodies_have_its_names_and_everybodys_rights(third: Third) -> None:
    plan = country_plan(third.description)
    assert plan.instance_identifier == "SILD-LV"
    assert plan.body("population").name == third.description.bodies["population"]["en"]
    assert plan.system_rights == country_plan(third.description).system_rights != ()


def test_a_birth_is_registered_by_its_own_rule_at_its_own_office_in_time(third: Third) -> None:
    profile = third.packs.profile
    rule, unit = profile.competent("birth", "LV-B", date(2026, 3, 2))
    assert (rule.office["en"], unit.name) == ("Civil registry office", "Ogres novads")
    born = profile.day(datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    assert born == date(2026, 3, 2), "past midnight in Riga"
    assert profile.deadline("birth.register", born) == born
    with RuleEngine() as engine:
        compared, failures = failures_of_tests(
            third.package, lambda facts, outputs, at: engine.evaluate(third.package, facts, outputs, at=at)
        )
    assert failures == [] and compared > 5


def test_its_officials_decide_as_its_own_offices(third: Third, tmp_path: Path) -> None:
    """In a register's process, in the portal's, and in a composed country: by the profile, whichever it is."""
    official = Official("38001085718", "birth@LV-A")
    system = "/SILD-LV/GOV/1/population"
    decided = CaseDecisions.open(tmp_path, sqlite_url(tmp_path / "d"), system=system, exchanged_by="x")
    try:
        appoint(decided, [official], third.packs.profile)
        office = decided.deciding.officials.office_of(official.person, date(2026, 3, 2))
        assert office is not None and (office.division, office.qualification) == (
            "LV-A",
            "Civil registry office",
        )
        assert office_by_law(third.packs.profile, official.desk, date(2026, 3, 2)) == office
        appoint(decided, [official], load_packs("EE").profile)
        of_another = decided.deciding.officials.office_of(official.person, date(2026, 3, 2))
        assert of_another is not None and of_another.division is None, "no office of Estonia's"
    finally:
        decided.close()


def test_a_register_is_of_any_country_that_has_a_profile(tmp_path: Path) -> None:
    settings = {"system": "SILD-LV/GOV/1/population", "directory": tmp_path}
    assert RegistrySettings(**settings, country="LV").country == "LV"
    with pytest.raises(CallerError, match="no country LV ships") as refused:
        profile_named("LV")
    assert refused.value.code == "unknown_country"
    with pytest.raises(ValidationError):
        RegistrySettings(**settings, country="../etc")


def test_a_ground_that_is_missing_is_named(tmp_path: Path) -> None:
    """A pack that says it is a country's, and does not say on what ground."""
    shutil.copytree(SHIPPED / "packs", tmp_path / "packs")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "lv.yaml").write_text(PROFILE, "utf-8")
    edited(tmp_path / "packs" / "civil" / "birth.yaml", lambda service: service["countries"].append("LV"))
    with pytest.raises(CallerError, match=r"ground of birth\.notice in LV"):
        load_packs("LV", root=tmp_path)
