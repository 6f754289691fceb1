"""Any screen of the packs, filled in as a case would: facts known and unknown, options, clocks, and every defect of an empty form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from sild.cases import Actor, load_packs
from sild.cases.matter_words import lines_of
from sild.cases.views import CaseView, ClockView, Explained, ExplainedPart, FactLine, FailedBody, Filled
from sild.catalogue import PublicService, Screen, read_answers
from sild.i18n import Texts
from support.portal_cases import CasesDouble

PACKS = load_packs("EE")
SCREENS: Mapping[str, Screen] = PACKS.screens
TEXTS = Texts(("et", "vi", "en"), PACKS.texts)
OFFICES = ("official", "supervisor", "auditor")
WHOSE = {name: service.id for service in PACKS.services.values() for name in service.screens}
"""A screen's service; those that every case has are shown in a birth."""
SOCIAL, CARE, POPULATION = (
    "GOV/70000004/social",
    "GOV/70000003/insurance",
    "GOV/70000002/population",
)


def _three(et: str, vi: str, en: str) -> dict[str, str]:
    return {"et": et, "vi": vi, "en": en}


SOURCES = ("parent", "resident", "official")
"""Who said what no register holds, as cases name them."""
WORDS = _three(
    "Elasime juba kevadel uues kodus, aga register näitab endist aadressi; üürileping on lisatud.",
    "Chúng tôi đã ở nhà mới từ mùa xuân nhưng cơ sở dữ liệu vẫn ghi địa chỉ cũ; có kèm hợp đồng thuê.",
    "We lived in the new home in spring already, but the register shows the old address; the lease is added.",
)
VALUES: Mapping[str, object] = {
    "benefit": _three("512,00 €", "512,00 €", "€512.00"),
    "benefit_offer": _three("Peretoetused alates 1. detsembrist 2026", "Trợ cấp gia đình từ 1/12/2026", "Family benefits from 1 December 2026"),
    "check": True,
    "number_used": True,
    "subject_has_case": True,
    "record_changed": True,
    "subject": "EE62611200011",
    "answer": 2,
    "given_names": "Maarja-Liisa",
    "family_name": "Nguyễn-Kuusemäe",
    "chosen_names": "Anna Maria Nguyễn-Kuusemäe",
    "sex": "F",
    "place_of_birth": "Tartu Ülikooli Kliinikum",
    "residence": {"text": "Kastani 118b-42, 50410 Tartu linn, Tartu maakond"},
    "chosen_address": "Kastani 118b-42, 50410 Tartu linn, Tartu maakond",
    "dwelling": "Kastani 118b-42, 50410 Tartu linn, Tartu maakond",
    "kindergarten_queue": _three("Lasteaed Poku: 14. kohal 39 ootaja seas", "Mẫu giáo Poku: thứ 14 trong 39 trẻ đang chờ", "Poku kindergarten: place 14 of 39 waiting"),
    "identity_code": "EE62611200011",
    "operation": "sild/GOV/70000002/population/getPersonFactsForBenefits",
    "message_id": "1f0c7a52-5e0e-4d2f-9c0e-6f1f5a9a6b21-GOV-70000002-population",
    "provider": "eu-frontier",
    "decision": "social/2026-000123",
    "case": "S-2026-000123",
    "number": "AB1234567",
    "clerk": "Peeter Ametnik",
}  # fmt: skip
DAYS = {"date_of_birth", "day", "valid_from", "sent_on", "duty_until", "requested_on", "earliest", "at", "until", "registered_on"}  # fmt: skip
OPTIONS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "homes": [_three("Emaga: Kastani 118b-42, Tartu linn", "Với mẹ: Kastani 118b-42, Tartu", "With the mother: Kastani 118b-42, Tartu"),
              _three("Isaga: Vabaduse puiestee 1117-3, Tallinn", "Với cha: Vabaduse puiestee 1117-3, Tallinn", "With the father: Vabaduse puiestee 1117-3, Tallinn")],
    "wishes": [VALUES["kindergarten_queue"], _three("Lasteaed Ristikhein: pakutaks kohta kohe, vabu kohti 3", "Mẫu giáo Ristikhein: có chỗ ngay, còn 3 chỗ", "Ristikhein kindergarten: a place would be offered at once, 3 free")],  # type: ignore[list-item]
    "practices": [_three("Perearst Kadri Kask, 120 vaba kohta", "Bác sĩ gia đình Kadri Kask, còn 120 chỗ", "Family doctor Kadri Kask, room for 120")],
    "dwellings": [_three(*["Kastani 118b-42, 50410 Tartu linn, Tartu maakond"] * 3)],
    "leases": [{language: PACKS.texts[language]["lease.option.new"] for language in ("et", "vi", "en")},
               _three(*(PACKS.texts[language]["lease.option.lease"].format(dwelling="Kastani 118b-42, 50410 Tartu linn, Tartu maakond", number="2026/14", last_day=day)
                        for language, day in (("et", "31. detsember 2026"), ("vi", "31 tháng 12, 2026"), ("en", "31 December 2026"))))],
    "bodies": [{language: PACKS.texts[language][f"consultation.body.{name}"] for language in ("et", "vi", "en")} for name in ("population", "residence")],
    "seen": [_three("Perekonnanimi: Nguyễn-Kuusemäe", "Họ: Nguyễn-Kuusemäe", "Family name: Nguyễn-Kuusemäe"), _three("Elukoht: Kastani 118b-42, 50410 Tartu linn", "Nơi cư trú: Kastani 118b-42, 50410 Tartu linn", "Home: Kastani 118b-42, 50410 Tartu linn")],
    "questions": [_three("Rahvastikuregister, 7. detsember 2026: Kas lapse isa hooldusõigus on peatatud?", "Cơ sở dữ liệu dân cư, 7/12/2026: Quyền nuôi con của cha có bị đình chỉ không?", "Population register, 7 December 2026: Is the father's custody suspended?")],
    "unchecked": [_three("EE37605030299", "EE37605030299", "EE37605030299")],
    "family_names": [_three(*["Nguyễn-Kuusemäe"] * 3), _three(*["Tamm"] * 3)],
    "outcome": [_three("Lapsetoetus: 80,00 €", "Trợ cấp trẻ em: 80,00 €", "Child allowance: €80.00")],
}  # fmt: skip
OTHERWISE = (WORDS, _three("Muu", "Khác", "Another"))
MATTERS: Mapping[str, Sequence[tuple[str, str, str | None]]] = {
    "consultation": [("asked_by", "vi", "Đăng ký khai sinh, Tartu linn"), ("asked_by", "et", "Sünni registreerimine, Tartu linn"), ("asked_by", "en", "Registration of a birth, Tartu linn"),
                     ("number", "", "S-2026-000123"), ("question", "", WORDS["et"]), ("disclosed", "Perekonnanimi", "Nguyễn-Kuusemäe"), ("answer_by", "", "2026-12-07")],
    "death": [("person", "", "EE60001019906"), ("person_name", "", "Mari Mets"), ("death_notified_by", "", "Kadri Kask, Tartu Ülikooli Kliinikum"), ("annulment", "person.died", WORDS["et"])],
    "dispute": [("person", "", "EE60001019906"), ("fact", "person.contributions", "1900.00 EUR"), ("proposed", "", WORDS["et"])],
    "home": [("home_because", "", "sealed"), ("child", "", "EE62611200011"), ("home_mother", "", "sealed"), ("home_father", "", "Kastani 118b-42, 50410 Tartu linn")],
    "missing": [("person", "", "EE60001019906"), ("proposed", "", WORDS["et"])],
    "offer": [("held_because", "", "lives_abroad"), ("child", "", "EE62611200011"), ("fact", "person.residence", None)],
    "review": [("review_because", "", "duplicate_suspected"), ("mother", "", "EE60001019906"), ("notice_born", "", "2026-11-20"), ("notice_sex", "", "F"), ("notice_hospital", "", "Tartu Ülikooli Kliinikum"), ("candidate", "", "EE62611200011")],
    "ripple": [("listed_because", "", "payment"), ("reached_by", "person.contributions", "finding"), ("decision", "", "social/2026-000123"), ("person", "", "EE60001019906")],
}  # fmt: skip


def filled(screen: Screen, case: str, language: str, *, empty: bool) -> Filled:
    """empty: a form sent with nothing in it; else everything is filled in."""
    facts = [line for part in screen.components if part.kind == "facts" for line in _facts(screen, part, language)]  # fmt: skip
    options = {
        name: [(str(number), label[language]) for number, label in enumerate(OPTIONS.get(name, OTHERWISE))]
        for field in screen.fields()
        if (name := field.options_from)
    }
    values: dict[str, Sequence[str]] = {}
    if not empty:
        for field in screen.fields():
            choices = [value for value, _ in options.get(field.options_from or "", ())]
            choices += [one.value for one in field.options]
            given = {"text": WORDS[language], "address": WORDS[language], "date": "2026-12-01", "account": "EE382200221020145685"}  # fmt: skip
            values[field.name] = [
                choices[-1] if choices else given.get(field.kind, "yes")[: field.max_length]
            ]
    known = {name: [value for value, _ in choices] for name, choices in options.items()}
    defects = read_answers(screen, {}, known).defects if empty else ()
    clocks = tuple(
        ClockView(clock.id, clock.title, date(2026, 12, 1 + number), None, None, late=False)
        for number, clock in enumerate(PACKS.services[case].clocks)
    )
    failed = (FailedBody(CARE, "register_down", None),) if empty else ()
    number = Explained(
        base_label=WORDS[language], base=38_000, total_label=WORDS[language], total=39_120, interval=WORDS[language],
        parts=(ExplainedPart(WORDS[language], "211", 1_320, 90), ExplainedPart(WORDS[language], "3,2", -200, 40)),
    )  # fmt: skip
    explained = {part.of: number for part in screen.components if part.kind == "explanation"}
    return Filled(
        case,
        screen,
        tuple(facts),
        options,
        values,
        defects,
        clocks,
        failed_bodies=failed,
        explained=explained,
    )


def _matter_of(screen: str) -> Sequence[tuple[str, str, str | None]]:
    return MATTERS["ripple" if screen in ("anew", "hear") else screen]


def _facts(screen: Screen, part, language: str) -> Sequence[FactLine]:
    if screen.id == "removal.desk":
        said = FactLine("removal.objection", part.of, WORDS, source=SOURCES[1])
        return [FactLine("removal.dwelling", part.of, VALUES["dwelling"]), said]
    if part.of == "matter":
        facts = [{"name": name, "value": value, "about": about, "source": "", "basis": ""} for name, about, value in _matter_of(screen.id.partition(".")[2])]  # fmt: skip
        matter = {"since": "2026-11-20", "said": WORDS[language], "facts": facts, "state": "waiting"}
        back = FactLine("register_matter.returned", part.of, TEXTS.speaker(language)("register_matter.returned.invalid_value"))  # fmt: skip
        return [back, *lines_of(matter, SOCIAL, TEXTS, language)]
    lines = []
    for number, concept in enumerate(part.concepts):
        group, _, name = concept.rpartition(".")
        if number % 4 == 3:
            lines.append(FactLine(concept, part.of, None, "register_down", SOCIAL))
            continue
        value = "2026-11-20" if name in DAYS else VALUES.get(name, VALUES.get(group, WORDS))
        asked = {"source": "hospital", "valid_from": "2026-11-20", "basis": "PKTS § 22", "ref": number + 1}
        of_register = {"register": POPULATION, **asked} if group in ("person", "home") else {}
        line = FactLine(concept, part.of, value, **of_register)
        if group == "contest" and name in ("line", "fact", "disputed"):
            months = tuple(
                FactLine(concept, part.of, "1900,00 €", label=f"2026-0{month}") for month in (1, 2)
            )
            label = _three("Sissetulek (ema)", "Thu nhập (mẹ)", "Income (mother)")[language]
            line = replace(line, label=label, is_marked=name == "disputed", parts=months)
        lines.append(line)
    return lines


class EveryScreen(CasesDouble):
    """Shows every screen of the packs, at the case that is named as its service; `empty`: as in `filled`."""

    empty = False

    def services(self) -> list[PublicService]:
        return list(PACKS.services.values())

    def words(self, service: str, key: str, language: str, **values: object) -> str | None:
        texts = PACKS.texts[language]
        found = texts.get(f"{service}.{key}", texts.get(key))
        return found if found is None else found.format(**values)

    async def view(self, case: str, actor: Actor) -> CaseView:
        service = PACKS.services[case]
        view = await super().view("case-1", actor)
        return replace(view, id=case, service=case, title=service.title, tasks=(), clocks=(), timeline=())

    async def fill(self, case: str, screen: str, actor: Actor) -> Filled:
        return filled(SCREENS[screen], case, actor.language, empty=self.empty)
