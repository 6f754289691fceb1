"""Test people of the demonstration: found among the synthetic people of every register, always the same ones.

Nobody here exists. Each is good for something in the journeys, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal

from sild.cases import ALGORITHM_OFFICE
from sild.nation.countries import BodyKind, CountryDescription, Words, load_country
from sild.registries.synthetic import (
    AS_OF,
    SyntheticPerson,
    synthetic_companies,
    synthetic_homes,
    synthetic_leases,
    synthetic_people,
)

__all__ = ["OfficialRole", "TestPerson", "desk_title", "find_test_people"]

MUNICIPALITY = "70000005"
CONTESTED: Mapping[str, tuple[str, BodyKind]] = {
    "social": ("70000004", "social"),
    "insurance": ("70000003", "insurance"),
    "education": ("70000005", "municipality"),
    "population": ("70000002", "population"),
    "residence": ("70000006", "land"),
}
"""Bodies whose decisions officials answer contests of: their member codes, and what they are."""
KEPT_BY: Mapping[str, tuple[str, BodyKind]] = {
    "social": ("70000004", "social"),
    "population": ("70000002", "population"),
    "residence": ("70000006", "land"),
    "education": ("70000005", "municipality"),
    "insurance": ("70000003", "insurance"),
    "treasury": ("70000007", "treasury"),
    "tax": ("70000010", "tax"),
    "electoral": ("70000011", "electoral"),
    "business": ("70000012", "registrar"),
}
"""Registers whose officials see to what waits for people there: by register the body that keeps it."""
OVERSEEN: Mapping[str, BodyKind] = {"70000001": "authority", **dict(KEPT_BY.values()), "70000007": "treasury"}
"""Bodies that are asked why they looked: their member codes, and what they are."""
DESKS: Mapping[str, Words] = {
    "counter": {"et": "Teenindus, {town}", "vi": "Quầy tiếp dân, {town}", "en": "Counter, {town}"},
    "birth": {"et": "Sünnid, {town}", "vi": "Khai sinh, {town}", "en": "Births, {town}"},
    "residence": {"et": "Elukohad, {town}", "vi": "Cư trú, {town}", "en": "Residence, {town}"},
    "kindergarten": {
        "et": "Lasteaiakohad, {town}",
        "vi": "Chỗ mẫu giáo, {town}",
        "en": "Kindergarten places, {town}",
    },
    "assistance": {
        "et": "Küsimused ametnikule",
        "vi": "Câu hỏi cho cán bộ",
        "en": "Questions to an official",
    },
    "contest": {"et": "Vaidlustused, {body}", "vi": "Phản đối, {body}", "en": "Contests, {body}"},
    "matter": {
        "et": "Registri asjad, {body}",
        "vi": "Việc của cơ sở dữ liệu, {body}",
        "en": "Matters of the register, {body}",
    },
    "algorithm": {
        "et": "Algoritmid ja mudelid, {body}",
        "vi": "Thuật toán và mô hình, {body}",
        "en": "Algorithms and models, {body}",
    },
    "oversight": {"et": "Miks vaadati, {body}", "vi": "Vì sao đã xem, {body}", "en": "Why it looked, {body}"},
    "finding": {
        "et": "Auditi tähelepanekud, {body}",
        "vi": "Phát hiện kiểm toán, {body}",
        "en": "Findings of auditors, {body}",
    },
}
"""What desks are called, by matter."""


@dataclass(frozen=True, slots=True)
class OfficialRole:
    """role: in the identity provider, of the organisation (its member code).  authority: `birth@0793`, as cases know it.

    body: whose decisions are contested there.  kind: as of an `Office` of the portal.
    """

    role: str
    organisation: str
    authority: str
    body: BodyKind | None = None
    kind: Literal["official", "supervisor", "clerk"] = "official"

    @property
    def desks(self) -> tuple[OfficialRole, ...]:
        """Whoever answers contests of a body's decisions answers what auditors find about them, too; a superior has others' desks."""
        matter, _at, where = self.authority.partition("@")
        match matter:
            case "contest":
                return self, replace(self, authority=f"finding@{where}")
            case "oversight":
                bodies = {f"oversight@{code}": body for code, body in OVERSEEN.items()}
                bodies[ALGORITHM_OFFICE] = "authority"
                return tuple(replace(self, authority=one, body=body) for one, body in bodies.items())
            case "superior":
                town = (replace(self, authority=f"{one}@{where}") for one in ("birth", "residence"))
                looks = replace(self, authority="oversight@").desks
                matters = (
                    replace(self, authority=f"{matter}@{code}", body=body)
                    for matter, bodies in (("matter", KEPT_BY), ("contest", CONTESTED))
                    for code, body in bodies.values()
                )
                return tuple(replace(one, kind="supervisor") for one in (*town, *looks, *matters))
            case "counter":
                return (replace(self, kind="clerk"),)
        return (self,)


@dataclass(frozen=True, slots=True)
class TestPerson:
    """id: `married_mother`.  good_for: one sentence for people, by language.  official: the desk they sit at."""

    id: str
    code: str
    country: str
    given_names: str
    family_name: str
    born: str
    good_for: Words
    address: str = ""
    official: OfficialRole | None = None

    @property
    def subject(self) -> str:
        """As tokens and X-Road-UserId name them: `EE38001085718`."""
        return f"{self.country}{self.code}"

    @property
    def name(self) -> str:
        names = (self.given_names, self.family_name)
        return " ".join(names if self.country == "EE" else reversed(names))


GOOD_FOR: Mapping[str, Words] = {
    "married_mother": {"et": "sünnitab (J1); kolib perega (J2)", "vi": "sinh con (J1); cùng gia đình chuyển nhà (J2)", "en": "gives birth (J1); moves with the family (J2)"},
    "married_father": {"et": "teine vanem: kinnitab ka, omaks võtta pole vaja", "vi": "người cha: cùng xác nhận, không cần nhận con", "en": "the other parent: signs too, needs to acknowledge nothing"},
    "unmarried_mother": {"et": "sünnitab (J1); mõlemad vanemad võtavad isaduse omaks", "vi": "sinh con (J1); cha mẹ cùng xác nhận quan hệ cha con", "en": "gives birth (J1); both parents acknowledge paternity"},
    "unmarried_father": {"et": "võtab isaduse omaks või eitab", "vi": "nhận con, hoặc từ chối", "en": "acknowledges paternity, or denies it"},
    "single_mother": {"et": "sünnitab isa nimetamata", "vi": "sinh con, không nêu tên cha", "en": "gives birth without naming a father"},
    "owner": {"et": "omab eluruumi, kuhu keegi võib kolida (J2): nõustub, keeldub või ei vasta", "vi": "có nhà mà người khác có thể chuyển đến (J2): đồng ý, từ chối hoặc không trả lời", "en": "owns a dwelling somebody else may move to (J2): consents, refuses, or says nothing"},
    "tenant": {"et": "on üürinud kodu, kus veel ei ela: kolib registreeritud lepingu alusel, omanikult ei küsita (J2)", "vi": "đã thuê một chỗ ở nhưng chưa chuyển đến: đăng ký cư trú theo hợp đồng đã đăng ký, không cần hỏi chủ nhà (J2)", "en": "rents a home they do not live in yet: moves there on the registered lease, and no owner is asked (J2)"},
    "check_mother": {"et": "enesekontrollist: tema laps sünnib, kui see esimest korda käib", "vi": "của phần tự kiểm tra: sinh con khi chạy lần đầu", "en": "of the self-check: her child is born whenever it runs first"},
    "check_father": {"et": "enesekontrollist: teine vanem", "vi": "của phần tự kiểm tra: người cha", "en": "of the self-check: the other parent"},
    "check_unmarried_mother": {"et": "enesekontrollist: võtab isaduse omaks allkirjaga", "vi": "của phần tự kiểm tra: ký xác nhận quan hệ cha con", "en": "of the self-check: acknowledges paternity with a signature"},
    "check_unmarried_father": {"et": "enesekontrollist: võtab isaduse omaks allkirjaga", "vi": "của phần tự kiểm tra: ký nhận con", "en": "of the self-check: acknowledges paternity with a signature"},
    "board_member": {"et": "üürifirma juhatuse liige: logi sisse ja vali ettevõte", "vi": "đại diện theo pháp luật của một công ty cho thuê nhà: đăng nhập rồi chọn công ty", "en": "on the board of a company that owns homes: log in, choose the company"},
    "check_resident": {"et": "enesekontrollist: kolib teise majja (J2)", "vi": "của phần tự kiểm tra: chuyển đến nhà người khác (J2)", "en": "of the self-check: moves to another's house (J2)"},
    "check_owner": {"et": "enesekontrollist: maja omanik, nõustub", "vi": "của phần tự kiểm tra: chủ nhà, đồng ý", "en": "of the self-check: owns the house, and consents"},
    "midwife": {"et": "haigla ämmaemand: kirjutab ja allkirjastab sünnitusosakonnas sünniteate", "vi": "nữ hộ sinh của bệnh viện: lập và ký giấy chứng sinh tại khoa sản", "en": "the hospital's midwife: writes and signs the notice of birth in the ward"},
    "physician": {"et": "haigla arst: kirjutab ja allkirjastab surmateate", "vi": "bác sĩ của bệnh viện: lập và ký giấy báo tử", "en": "the hospital's doctor: writes and signs the notice of a death"},
    "birth_official": {"et": "registreerib sünde, töölaud: {town}", "vi": "đăng ký khai sinh tại {town}", "en": "registers births at the desk of {town}"},
    "residence_official": {"et": "registreerib elukohti, töölaud: {town}", "vi": "đăng ký cư trú tại {town}", "en": "registers residences at the desk of {town}"},
    "assistance_official": {"et": "vastab, millele abiline ei osanud", "vi": "trả lời điều trợ lý không trả lời được", "en": "answers what the assistant could not"},
    "kindergarten_official": {"et": "kavandab lasteaiakohti, töölaud: {town}; mudeli arvu näeb pärast oma arvu", "vi": "lập kế hoạch chỗ mẫu giáo tại {town}; chỉ thấy con số của mô hình sau con số của mình", "en": "plans kindergarten places at the desk of {town}, and sees what a model says after their own number"},
    "social_contest_official": {"et": "vastab perehüvitiste vaidlustele; ise ei otsustanud", "vi": "trả lời phản đối về trợ cấp; không tham gia quyết định nào", "en": "answers contests of family benefits; had no part in any"},
    "insurance_contest_official": {"et": "vastab ravikindlustuse vaidlustele", "vi": "trả lời phản đối về bảo hiểm y tế", "en": "answers contests of health insurance"},
    "education_contest_official": {"et": "vastab lasteaiakohtade vaidlustele", "vi": "trả lời phản đối về chỗ mẫu giáo", "en": "answers contests of kindergarten places"},
    "population_contest_official": {"et": "vastab sünni registreerimise vaidlustele", "vi": "trả lời phản đối về đăng ký khai sinh", "en": "answers contests of registrations of births"},
    "residence_contest_official": {"et": "vastab elukoha kannete, eemaldamiste ja omanike vaidluste vaidlustustele", "vi": "trả lời phản đối về đăng ký cư trú, xóa đăng ký và tranh chấp của chủ nhà", "en": "answers contests of registrations of homes, removals and disputes of owners"},
    "oversight_official": {"et": "vastab kõigi asutuste eest, miks andmeid vaadati; vaatab üle algoritmide häired", "vi": "trả lời thay các cơ quan vì sao đã xem dữ liệu; xem xét báo động về thuật toán", "en": "answers for every body why it looked at somebody's data; sees to alarms about algorithms"},
    "superior_official": {"et": "ametnike ülemus kõigil töölaudadel: allkirjastab teise tagastuse uuel alusel, vastab kaebustele, määrab ametniku, otsustab, mida teised ise ei tohi", "vi": "cấp trên của mọi bàn làm việc: ký việc trả lại lần hai vì lý do mới, trả lời khiếu nại, phân công cán bộ, quyết định điều người khác không được tự quyết định", "en": "a superior at every desk: signs a second return on a new ground, answers complaints, assigns officials, decides what others may not decide themselves"},
    "population_register_official": {"et": "otsustab rahvastikuregistri asju: vaidlustatud andmed, puuduvad inimesed, kahtlased sünniteated", "vi": "quyết định việc của cơ sở dữ liệu dân cư: dữ liệu bị khiếu nại, người còn thiếu, giấy chứng sinh có nghi vấn", "en": "sees to the population register: disputed facts, people who are missing, doubtful notices of birth"},
    "residence_register_official": {"et": "otsustab elukohtade registri asju: vaidlustatud andmed, puuduvad inimesed", "vi": "quyết định việc của cơ sở dữ liệu cư trú: dữ liệu bị khiếu nại, người còn thiếu", "en": "sees to the residence register: disputed facts, people who are missing"},
    "education_register_official": {"et": "vaatab üle lasteaiakohtade otsused, mille all olev fakt muutus, ja vaidlustatud andmed, ka koolid ja parkimisload", "vi": "xem lại quyết định chỗ mẫu giáo khi dữ kiện thay đổi, và dữ liệu bị khiếu nại, cả về trường học và giấy phép đỗ xe", "en": "sees to decisions about kindergarten places under which a fact has changed, and to disputed facts, of schools and parking permits, too"},
    "insurance_register_official": {"et": "vaatab üle ravikindlustuse otsused, mille all olev fakt muutus", "vi": "xem lại quyết định bảo hiểm y tế khi dữ kiện thay đổi", "en": "sees to decisions about health insurance under which a fact has changed"},
    "business_register_official": {"et": "vastab, kui keegi vaidlustab kande ettevõtte juhatuses", "vi": "trả lời khi có người khiếu nại dữ liệu về chức danh của họ trong công ty", "en": "answers when somebody disputes that they sit on a company's board"},
    "treasury_register_official": {"et": "vastab, kui keegi vaidlustab riigikassa andmeid oma maksete kohta", "vi": "trả lời khi có người khiếu nại dữ liệu của kho bạc về khoản chi của họ", "en": "answers when somebody disputes what the treasury has about their payments"},
    "tax_register_official": {"et": "vastab, kui keegi vaidlustab oma maksuresidentsuse", "vi": "trả lời khi có người khiếu nại nơi cư trú tính thuế của họ", "en": "answers when somebody disputes where they are resident for tax"},
    "electoral_register_official": {"et": "vastab, kui keegi vaidlustab oma kande valijate nimekirjas", "vi": "trả lời khi có người khiếu nại tên mình trong danh sách cử tri", "en": "answers when somebody disputes how they stand in the list of voters"},
    "social_register_official": {"et": "otsustab, mida hüvitiste register ei tohi: peatatud pakkumised, vaidlustatud andmed", "vi": "quyết định điều cơ sở dữ liệu trợ cấp không được quyết định: đề nghị tạm giữ, dữ liệu bị khiếu nại", "en": "decides what the register of benefits may not: held offers, disputed facts"},
    "second_population_register_official": {"et": "teine samal töölaual: kinnitab, et surmakanne on ekslik", "vi": "người thứ hai cùng bàn làm việc: xác nhận việc khai tử đã ghi là nhầm", "en": "the second at that desk: confirms that a recorded death was none"},
    "second_social_register_official": {"et": "teine samal töölaual: vaatab üle, mille esimene ise otsustas", "vi": "người thứ hai cùng bàn làm việc: xem lại việc người thứ nhất đã tự quyết định", "en": "the second at that desk: sees to what the first decided themselves"},
    "counter_official": {"et": "aitab inimesi leti taga ja telefonis, mandaadi alusel", "vi": "giúp người dân tại quầy và qua điện thoại, theo ủy quyền được ghi lại", "en": "helps people at the counter of {town}, and on the phone: /desk/assist"},
    "auditor": {"et": "auditeerib otsuseid (J8): pärast sisselogimist avab /audit", "vi": "kiểm toán các quyết định (J8): mở /audit sau khi đăng nhập", "en": "audits decisions (J8): opens /audit after logging in"},
    "second_auditor": {"et": "teine silmapaar: avab esimesele pitseeritud andmed", "vi": "người thứ hai cùng xem: mở dữ liệu niêm phong cho người thứ nhất", "en": "the second pair of eyes: releases sealed data to the first"},
}  # fmt: skip


def find_test_people(count: int, about: CountryDescription | None = None) -> dict[str, TestPerson]:
    """By id. count: of the synthetic people; of few, some roles find nobody and are left out.  about: Estonia without more."""
    about = about or load_country("EE")
    people = synthetic_people(count)
    leases = synthetic_leases(people, synthetic_homes(people))
    new = {one.lessee.code for one in leases if one.lessee.home is not one.home}
    found = dict(_Search(people, about, new).roles())
    return {role: _shown(role, found[role], about) for role in GOOD_FOR if role in found}


def desk_title(official: OfficialRole, about: CountryDescription) -> dict[str, str]:
    """What the desk is called, by language."""
    matter = official.authority.partition("@")[0]
    return {
        language: text.format(
            town=about.town.name[language],
            body=about.bodies[official.body][language] if official.body is not None else "",
        )
        for language, text in DESKS[matter].items()
    }


class _Search:
    def __init__(self, people: list[SyntheticPerson], about: CountryDescription, lessees: Set[str]) -> None:
        """lessees: codes of those who rent where they do not live."""
        self._lessees = lessees
        self._country, self._town = about.country, about.town.code
        self._people = [
            person
            for person in people
            if person.country == self._country and person.died is None and person.home is not None
        ]
        self._children: dict[SyntheticPerson, list[SyntheticPerson]] = {}
        for person in people:
            for parent in (person.mother, person.father):
                if parent is not None:
                    self._children.setdefault(parent, []).append(person)
        self._taken: set[SyntheticPerson] = set()
        self._landlord = next(one for one in synthetic_companies(people) if one.country == self._country)

    def roles(self) -> Iterator[tuple[str, SyntheticPerson]]:
        yield from self._couple("married")
        yield from self._those(
            ("owner", self._owner), ("birth_official", self._clerk), ("residence_official", self._clerk)
        )
        yield from self._those(
            ("unmarried_mother", self._unmarried_mother),
            ("unmarried_father", self._unmarried_father),
            ("single_mother", self._single_mother),
            ("single_mother", self._alone_with_nobody),
            ("midwife", lambda person: person.sex == "F" and self._grown(person, 30, 60)),
        )
        yield from self._couple("check")
        yield from self._those(
            ("check_resident", self._alone),
            ("check_owner", self._owner),
            ("assistance_official", self._clerk),
            ("kindergarten_official", self._clerk),
            *((f"{body}_contest_official", self._clerk) for body in CONTESTED if body != "residence"),
            ("auditor", self._clerk),
            ("second_auditor", self._clerk),
            ("counter_official", self._clerk),
            ("oversight_official", self._servant),
            ("superior_official", self._servant),
            *(
                (f"{register}_register_official", self._servant)
                for register in KEPT_BY
                if register != "business"
            ),
            ("second_social_register_official", self._servant),
            ("residence_contest_official", self._servant),
            ("check_unmarried_mother", self._unmarried_mother),
            ("check_unmarried_father", self._unmarried_father),
            ("board_member", self._board_member),
            ("business_register_official", self._servant),
            ("physician", self._servant),
            ("second_population_register_official", self._servant),
            ("tenant", lambda person: self._rents(person) and self._alone(person)),
            ("tenant", self._rents),
        )

    def _couple(self, who: str) -> Iterator[tuple[str, SyntheticPerson]]:
        mother = self._first(self._married_mother)
        if mother is not None and mother.spouse is not None:
            self._taken.add(mother.spouse)
            yield f"{who}_mother", mother
            yield f"{who}_father", mother.spouse

    def _those(
        self, *wanted: tuple[str, Callable[[SyntheticPerson], bool]]
    ) -> Iterator[tuple[str, SyntheticPerson]]:
        """Of those for one role, the first that somebody fits."""
        named = set()
        for role, fits in wanted:
            found = self._first(fits) if role not in named else None
            if found is not None:
                named.add(role)
                yield role, found

    def _first(self, wanted: Callable[[SyntheticPerson], bool]) -> SyntheticPerson | None:
        """One who lives where the desks are, if there is one."""
        fitting = [person for person in self._people if person not in self._taken and wanted(person)]
        found = next((person for person in fitting if self._in_town(person)), next(iter(fitting), None))
        if found is not None:
            self._taken.add(found)
        return found

    def _board_member(self, person: SyntheticPerson) -> bool:
        """Of the landlord's, who owns homes that people move into."""
        return any(person is member for member, _since in self._landlord.board)

    def _in_town(self, person: SyntheticPerson) -> bool:
        return person.home is not None and person.home.division == self._town

    def _grown(self, person: SyntheticPerson, youngest: int, oldest: int) -> bool:
        return youngest <= (AS_OF - person.born).days // 365 <= oldest

    def _clerk(self, person: SyntheticPerson) -> bool:
        return self._grown(person, 35, 60) and self._in_town(person)

    def _servant(self, person: SyntheticPerson) -> bool:
        """Of a body of the whole state: wherever they live, when nobody in town is left."""
        return self._grown(person, 35, 60)

    def _married_mother(self, person: SyntheticPerson) -> bool:
        """With a child at home, and the husband there: a family that can move."""
        spouse = person.spouse
        children = self._children.get(person, [])
        return (
            person.sex == "F"
            and self._grown(person, 24, 38)
            and spouse is not None
            and spouse.died is None
            and spouse.home is person.home
            and any(
                child.died is None and child.father is spouse and child.home is person.home
                for child in children
            )
        )

    def _unmarried_mother(self, person: SyntheticPerson) -> bool:
        return (
            person.sex == "F"
            and person.spouse is None
            and self._grown(person, 22, 34)
            and not self._children.get(person)
        )

    def _unmarried_father(self, person: SyntheticPerson) -> bool:
        return person.sex == "M" and person.spouse is None and self._grown(person, 22, 38)

    def _single_mother(self, person: SyntheticPerson) -> bool:
        return (
            person.sex == "F"
            and person.spouse is None
            and self._grown(person, 20, 38)
            and bool(self._children.get(person))
        )

    def _alone_with_nobody(self, person: SyntheticPerson) -> bool:
        return person.sex == "F" and person.spouse is None and self._grown(person, 20, 38)

    def _alone(self, person: SyntheticPerson) -> bool:
        """Grown, with neither spouse nor children."""
        return person.spouse is None and not self._children.get(person) and self._grown(person, 25, 60)

    def _rents(self, person: SyntheticPerson) -> bool:
        """Where they do not live yet."""
        return person.code in self._lessees and self._grown(person, 20, 70)

    def _owner(self, person: SyntheticPerson) -> bool:
        """The only owner of the house they live in, with room for a lodger."""
        home = person.home
        return (
            home is not None
            and self._grown(person, 30, 70)
            and [owner.code for owner in home.owners] == [person.code]
            and home.apartment is None
            and home.floor_area > 60
        )


def _shown(role: str, person: SyntheticPerson, about: CountryDescription) -> TestPerson:
    official = None
    if role.endswith("_official"):
        matter = role.removesuffix("_official").removeprefix("second_")
        authority = f"{matter}@{'state' if matter == 'assistance' else about.town.code}"
        body, organisation = None, MUNICIPALITY
        for kind, bodies in (("contest", CONTESTED), ("matter", KEPT_BY)):
            ending = "_register" if kind == "matter" else "_contest"
            name = matter.removesuffix(ending)
            if matter.endswith(ending) and name in bodies:
                code, body = bodies[name]
                authority, organisation = f"{kind}@{code}", code if kind == "matter" else MUNICIPALITY
        named = "clerk" if matter == "counter" else role  # as registers know who helps at a counter
        official = OfficialRole(named, organisation, authority, body)
    home = person.home
    return TestPerson(
        id=role,
        code=person.code,
        country=person.country,
        given_names=person.given_names,
        family_name=person.family_name,
        born=person.born.isoformat(),
        good_for={
            language: text.format(town=about.town.name[language]) for language, text in GOOD_FOR[role].items()
        },
        address=f"{home.street} {home.house}, {home.municipality}" if home is not None else "",
        official=official,
    )
