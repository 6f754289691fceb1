"""Cover from birth and the card after it, whatever comes late, twice or out of order; silence after a death."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import insert

from sild.database import open_database, sqlite_url
from sild.decisions import DECISION_MIGRATIONS
from sild.errors import CallerError
from sild.events import EVENT_MIGRATIONS
from sild.registries.deciding import KnownFact
from sild.registries.insurance.register import MIGRATIONS, InsuranceRegister
from sild.registries.insurance.rules import CARD
from sild.registries.insurance.tables import cards
from sild.registries.kernel import Usage
from sild.registries.kernel.facts import Fact, Facts
from sild.registries.kernel.kernel import KERNEL_MIGRATIONS
from sild.registries.tasks import TASK_MIGRATIONS, TaskState
from support.wallet import Wallet, public

from .conftest import CHILD, MOTHER, USAGE, VN_CHILD, VN_FATHER, VN_MOTHER, Others, SetClock, at, day, event

FOR_CHILD = replace(USAGE, represented_party=f"EE{CHILD}")

UNTIL = ("child", "cover_until", "ETERNITY")


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[InsuranceRegister]:
    register = InsuranceRegister.open(directory, database_url, people=0, clock=clock)
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["insurance.*"])
    yield register
    register.close()


def sent(register: InsuranceRegister, subject: str) -> list[tuple[str, str]]:
    return [(d.event.type, d.state.value) for d in register.kernel.outbox.deliveries_about(subject)]


def card_facts(register: InsuranceRegister) -> tuple[Fact, ...]:
    """Whatever was said of the child's card first, in the order it was said."""
    with register.kernel.engine.connect() as connection:
        said = Facts(connection, register.kernel.now).history(CHILD, CARD)
    return tuple(one for one in said if one.id == one.origin)


async def settle(register: InsuranceRegister, others: Others, clock: SetClock, rounds: int = 4) -> None:
    worker = register.worker(others)
    for _ in range(rounds):
        await worker.work()
        clock.forward(minutes=20)


async def test_cover_at_once_and_the_card_by_itself(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    held = register.cover(CHILD, USAGE)
    assert held is not None
    assert (held.valid_from, held.valid_to) == (day("2026-03-01"), day("2045-03-01"))
    assert held.provenance.source == "/SILD/GOV/70000002/population"
    assert register.cover(CHILD, USAGE, on=day("2026-02-28")) is None, "none before birth"
    await settle(register, others, clock)
    card = register.card(CHILD, USAGE)
    assert card.number.startswith("80233") and len(card.number) == 20
    assert card.office is None, "in Estonia the fund itself"
    assert sent(register, CHILD) == [
        ("insurance.cover.began", "pending"),
        ("insurance.card.issued", "pending"),
    ]
    (first, *_) = others.asked
    assert first[0] == "population" and first[2].case == "case-7" and first[2].basis == "RaKS § 5"


async def test_a_code_that_does_not_tell_the_day_is_asked_for(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", VN_CHILD), "m-1")
    assert register.cover(VN_CHILD, USAGE) is None
    await settle(register, others, clock)
    held = register.cover(VN_CHILD, USAGE)
    assert held is not None and held.valid_to == day("2032-02-27")
    assert register.card(VN_CHILD, USAGE).number.startswith("TE1")


@pytest.mark.parametrize(
    ("at", "office", "unit"),
    [
        (datetime(2025, 6, 30, 9, tzinfo=UTC), "District social insurance office", "001"),
        (datetime(2025, 7, 1, 9, tzinfo=UTC), "Grassroots social insurance office", "00004"),
    ],
)
async def test_the_office_is_the_one_competent_on_the_day(
    register: InsuranceRegister, others: Others, clock: SetClock, at: datetime, office: str, unit: str
) -> None:
    clock.at = at
    others.divisions = dict.fromkeys(others.divisions, "00016")
    others.person(VN_CHILD, "2025-06-20", mother=None)
    others.divisions[VN_CHILD] = "00016"
    register.apply_event(event("civil.birth.registered", VN_CHILD), "m-1")
    worker = register.worker(others)
    while await worker.work():
        pass
    found = register.card(VN_CHILD, USAGE).office
    assert found is not None and (found["office"]["en"], found["unit"]) == (office, unit)


async def test_a_register_that_is_down_delays_only_the_card(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    others.down = {"residence"}
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    assert register.cover(CHILD, USAGE) is not None
    with pytest.raises(CallerError) as refused:
        register.card(CHILD, USAGE)
    assert refused.value.code == "no_card"
    (waiting,) = register.tasks.in_state(TaskState.WAITING)
    assert waiting.reason == "network_error" and waiting.attempts == 4
    keys = {because.key for _, path, because in others.asked if path == f"persons/{CHILD}"}
    assert len(keys) == 1, "asked again it is the same message"
    others.down.clear()
    await settle(register, others, clock)
    assert register.card(CHILD, USAGE).state == "valid"


async def test_twice_is_once(register: InsuranceRegister, others: Others, clock: SetClock) -> None:
    born = event("civil.birth.registered", CHILD)
    for message in ("m-1", "m-2"):
        register.apply_event(born, message)
        await settle(register, others, clock)
    register.apply_event(event("civil.birth.registered", CHILD), "m-3")  # another event that says the same
    await settle(register, others, clock)
    assert [kind for kind, _ in sent(register, CHILD)].count("insurance.card.issued") == 1


@pytest.mark.parametrize("order", ["birth first", "birth, card, death", "death first"])
async def test_death_ends_it_in_any_order(
    register: InsuranceRegister, others: Others, clock: SetClock, order: str
) -> None:
    others.people[CHILD]["died"] = "2026-03-02"
    birth, death = event("civil.birth.registered", CHILD), event("civil.death.registered", CHILD)
    events = [death, birth] if order == "death first" else [birth, death]
    for one in events:
        register.apply_event(one, f"m-{one.id}")
        if order == "birth, card, death":
            await settle(register, others, clock)
    await settle(register, others, clock)
    assert register.cover(CHILD, USAGE, on=day("2026-03-02")) is not None
    assert register.cover(CHILD, USAGE, on=day("2026-03-03")) is None
    assert all(state != "pending" for _, state in sent(register, CHILD)), "silence"
    if order == "birth, card, death":
        assert register.card(CHILD, USAGE).state == "revoked"
        given, revoked = card_facts(register)
        assert (given.value["state"], revoked.value["state"]) == ("valid", "revoked")
        assert given.value["number"] == revoked.value["number"] == register.card(CHILD, USAGE).number
        with register.kernel.engine.connect() as connection:
            facts = Facts(connection, clock())
            (then,) = facts.current(CHILD, [CARD], on=revoked.valid_from, known_at=given.known_from)
            (now,) = facts.current(CHILD, [CARD], on=revoked.valid_from)
        assert (then.value["state"], now.value["state"]) == ("valid", "revoked"), (
            "as it was known then, and is now"
        )
        with pytest.raises(CallerError) as refused:
            taken(register, clock, Wallet())
        assert refused.value.code == "card_revoked"
    else:
        with pytest.raises(CallerError):
            register.card(CHILD, USAGE)


@pytest.mark.parametrize("order", ["card, death, ended", "card, death", "death first"])
async def test_who_was_dead_by_mistake_is_covered_and_has_the_card_again(
    register: InsuranceRegister, others: Others, clock: SetClock, order: str
) -> None:
    """Whether or not the register had come to end the cover, and where there was no card yet."""
    others.people[CHILD]["died"] = "2026-03-02"
    birth, death = event("civil.birth.registered", CHILD), event("civil.death.registered", CHILD)
    if order == "death first":
        register.apply_event(death, "m-death")
        register.apply_event(birth, "m-birth")
        await settle(register, others, clock)
    else:
        register.apply_event(birth, "m-birth")
        await settle(register, others, clock)
        was = register.card(CHILD, USAGE)
        register.apply_event(death, "m-death")
        if order.endswith("ended"):
            await settle(register, others, clock)
            assert register.cover(CHILD, USAGE, on=day("2026-03-03")) is None
        assert register.card(CHILD, USAGE).state == "revoked"
    clock.forward(days=3)
    del others.people[CHILD]["died"]
    told = len(sent(register, CHILD))
    for _ in range(2):
        register.apply_event(at(clock(), event("civil.death.annulled", CHILD, number="lives")), "m-lives")
    await settle(register, others, clock)
    for on in ("2026-03-01", "2026-03-03", "2031-01-01"):
        assert register.cover(CHILD, USAGE, on=day(on)) is not None, on
    card = register.card(CHILD, USAGE)
    assert card.state == "valid" and bit(register, card.status_index) == 0
    assert card_facts(register)[-1].value["state"] == "valid"
    assert [kind for kind, _ in sent(register, CHILD)[told:]] == ["insurance.card.issued"]
    if order != "death first":
        assert card.number == was.number
        assert bit(register, was.status_index) == 1, "what was in wallets, or printed, is taken anew"
    taken(register, clock, Wallet())


async def test_a_death_that_comes_after_its_annulment_ends_nothing(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    """Told again by people who looked at a refused delivery, say; one that is newer does."""
    register.apply_event(event("civil.birth.registered", CHILD), "m-birth")
    await settle(register, others, clock)
    late = event("civil.death.registered", CHILD)
    register.apply_event(at(clock(), event("civil.death.annulled", CHILD)), "m-lives")
    register.apply_event(late, "m-late")
    assert register.card(CHILD, USAGE).state == "valid"
    clock.forward(days=1)
    register.apply_event(at(clock(), event("civil.death.registered", CHILD)), "m-true")
    assert register.card(CHILD, USAGE).state == "revoked"
    register.apply_event(event("civil.stillbirth.recorded", CHILD), "m-still")
    register.apply_event(at(clock.forward(days=1), event("civil.death.annulled", CHILD)), "m-lives-2")
    with pytest.raises(CallerError):
        taken(register, clock, Wallet())


@pytest.mark.parametrize("first", ["birth", "stillbirth"])
async def test_a_stillborn_child_has_no_cover(
    register: InsuranceRegister, others: Others, clock: SetClock, first: str
) -> None:
    events = [event("civil.birth.registered", CHILD), event("civil.stillbirth.recorded", CHILD)]
    for one in events if first == "birth" else reversed(events):
        register.apply_event(one, f"m-{one.id}")
    await settle(register, others, clock)
    assert register.cover(CHILD, USAGE) is None
    assert all(state != "pending" for _, state in sent(register, CHILD))


async def test_under_a_protection_order_people_go_on(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    register.apply_event(event("civil.protection.ordered", CHILD, valid_from="2026-03-02"), "m-2")
    await settle(register, others, clock)
    assert register.cover(CHILD, USAGE) is not None, "the right stays"
    (held,) = register.tasks.in_state(TaskState.HELD)
    assert (held.kind, held.reason) == ("card", "protection_order")
    assert sent(register, CHILD) == [("insurance.cover.began", "refused")]


def test_events_nobody_subscribed_to_are_refused(register: InsuranceRegister) -> None:
    with pytest.raises(CallerError) as refused:
        register.apply_event(event("tax.paid", MOTHER), "m-1")
    assert refused.value.code == "event_not_taken"


# --- the credential, read by what knows only the specification


def unpacked(credential: str, key: ECKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """Signed payload, and claims whose disclosures it vouches for (RFC 9901, 7.1)."""
    signed, *disclosures, end = credential.split("~")
    assert end == ""
    token = jwt.decode(signed, key, algorithms=["ES256"])
    assert token.header["typ"] == "dc+sd-jwt"
    claims = {}
    for disclosure in disclosures:
        digest = base64.urlsafe_b64encode(sha256(disclosure.encode()).digest()).rstrip(b"=").decode()
        assert digest in token.claims["_sd"]
        _, name, value = json.loads(base64.urlsafe_b64decode(disclosure + "=="))
        claims[name] = value
    return dict(token.claims), claims


async def test_the_card_is_a_credential_each_claim_of_which_is_shown_alone(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    card = register.card(CHILD, USAGE)
    (issuers,) = register.issuer.metadata()["jwks"]["keys"]
    assert "d" not in issuers
    key = ECKey.import_key(issuers)
    payload, claims = unpacked(card.credential, key)
    assert claims["personal_administrative_number"] == CHILD and claims["card_number"] == card.number
    assert CHILD not in json.dumps(payload)
    assert payload["status"]["status_list"]["idx"] == card.status_index
    wallet = Wallet()
    bound, claims = unpacked(taken(register, clock, wallet), key)
    assert bound["cnf"]["jwk"] == public(wallet.key) and claims["card_number"] == card.number
    assert bound["status"]["status_list"]["idx"] != card.status_index


def taken(
    register: InsuranceRegister,
    clock: SetClock,
    wallet: Wallet,
    usage: Usage = FOR_CHILD,
    nonce: str = "",
    child: str = CHILD,
) -> str:
    """The child's card in a wallet. nonce: each time another."""
    wallet.clock = lambda: clock().timestamp()
    nonce = nonce or uuid4().hex
    proof = wallet.key_proof(register.issuer.issuer, nonce)
    return register.bind_card(child, proof, nonce, usage)


async def test_a_wallet_proves_its_key_to_the_register_itself(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    key = ECKey.import_key(register.issuer.metadata()["jwks"]["keys"][0])
    wallet = Wallet()
    for aud, said in (("https://elsewhere.example", "n"), (None, "other")):
        wallet.clock = lambda: clock().timestamp()
        proof = wallet.key_proof(aud or register.issuer.issuer, "n")
        with pytest.raises(CallerError) as refused:
            register.bind_card(CHILD, proof, said, FOR_CHILD)
        assert refused.value.code == "proof_not_valid"
    first, again = (unpacked(taken(register, clock, wallet, nonce="n-1"), key)[0] for _ in range(2))
    assert first["status"] == again["status"], "the same message is the same copy"
    for usage in (replace(FOR_CHILD, message_id="m-2"), replace(FOR_CHILD, message_id="m-3")):
        with pytest.raises(CallerError) as refused:
            taken(register, clock, Wallet(), usage, nonce="n-1")
        assert refused.value.code == "proof_used"
    clock.forward(minutes=7)
    with pytest.raises(CallerError) as refused:
        register.bind_card(CHILD, proof, "n", FOR_CHILD)
    assert refused.value.code == "proof_not_valid", "it was made long ago"
    somebody = replace(FOR_CHILD, represented_party=None)
    with pytest.raises(CallerError) as refused:
        taken(register, clock, wallet, somebody)
    assert refused.value.code == "not_yours"


async def test_a_copy_lasts_as_long_as_the_card(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    key = ECKey.import_key(register.issuer.metadata()["jwks"]["keys"][0])
    paper = unpacked(register.card(CHILD, USAGE).credential, key)[0]["exp"]
    clock.forward(days=1_000)
    assert unpacked(taken(register, clock, Wallet()), key)[0]["exp"] == paper
    assert register.card(CHILD, FOR_CHILD).in_wallet_since == clock()
    assert register.card(CHILD, replace(USAGE, user_id="automatic")).in_wallet_since is None
    register.unbind_card(CHILD, FOR_CHILD)
    assert register.card(CHILD, FOR_CHILD).in_wallet_since is None
    with pytest.raises(CallerError) as refused:
        register.unbind_card(CHILD, replace(FOR_CHILD, represented_party=None))
    assert refused.value.code == "not_yours"
    clock.forward(days=1_000)
    with pytest.raises(CallerError) as refused:
        taken(register, clock, Wallet())
    assert refused.value.code == "card_expired"


async def test_each_copy_has_its_place_in_the_status_list(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    """A new wallet of the same person ends the old copy; a card that says something else ends all, on paper, too."""
    register.apply_event(event("civil.birth.registered", VN_CHILD), "m-1")
    await settle(register, others, clock)
    key = ECKey.import_key(register.issuer.metadata()["jwks"]["keys"][0])
    mothers, fathers = (
        replace(USAGE, user_id=f"VN{one}", represented_party=f"VN{VN_CHILD}")
        for one in (VN_MOTHER, VN_FATHER)
    )

    def place(credential: str) -> int:
        return int(unpacked(credential, key)[0]["status"]["status_list"]["idx"])

    def given(usage: Usage) -> int:
        return place(taken(register, clock, Wallet(), usage, child=VN_CHILD))

    paper = place(register.card(VN_CHILD, USAGE).credential)
    hers, his = given(mothers), given(fathers)
    assert not any(bit(register, one) for one in (paper, hers, his))
    new = given(mothers)
    assert [bit(register, one) for one in (paper, hers, his, new)] == [0, 1, 0, 0]
    others.people[VN_CHILD]["born"] = "2026-02-20"
    told = {"fact": 7, "name": "born", "concept": "person.date_of_birth"}
    register.apply_event(event("fact.corrected", VN_CHILD, **told), "m-9")
    await settle(register, others, clock)
    assert register.card(VN_CHILD, USAGE).claims["birthdate"] == "2026-02-20"
    after = place(register.card(VN_CHILD, USAGE).credential)
    assert [bit(register, one) for one in (paper, hers, his, new, after)] == [1, 1, 1, 1, 0]
    assert len({paper, hers, his, new, after}) == 5


def bit(register: InsuranceRegister, place: int) -> int:
    key = ECKey.import_key(register.issuer.metadata()["jwks"]["keys"][0])
    token = jwt.decode(register.status_list(), key, algorithms=["ES256"])
    assert token.header["typ"] == "statuslist+jwt"
    content = zlib.decompress(base64.urlsafe_b64decode(token.claims["status_list"]["lst"] + "=="))
    return content[place // 8] >> place % 8 & 1 if place // 8 < len(content) else 0


async def test_the_status_list_tells_a_revoked_card(
    register: InsuranceRegister, others: Others, clock: SetClock
) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    await settle(register, others, clock)
    place = register.card(CHILD, USAGE).status_index
    assert bit(register, place) == 0
    register.apply_event(event("civil.death.registered", CHILD), "m-2")
    assert bit(register, place) == 1


def test_the_issuers_key_is_kept_and_private(directory: Path, clock: SetClock) -> None:
    def kid() -> str:
        register = InsuranceRegister.open(directory, people=0, clock=clock)
        register.close()
        return str(register.issuer.metadata()["jwks"]["keys"][0]["kid"])

    assert kid() == kid()
    assert stat.S_IMODE((directory / "issuer-key.jwk").stat().st_mode) == 0o600


def test_a_child_of_a_leap_day_is_insured_to_the_last_of_february(register: InsuranceRegister) -> None:
    fact = KnownFact("persons/child/born/ETERNITY", "date", "2024-02-29")
    judged = register.deciding.judge("ee-health-cover", [fact], at=date(2026, 3, 2), outputs=[UNTIL])
    assert judged.evaluation.value(*UNTIL) == "2043-03-01"


def test_cover_leaves_a_record_of_why(register: InsuranceRegister) -> None:
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    with register.kernel.engine.connect() as connection:
        store = register.deciding.store
        (stored,) = store.of_subject(connection, store.pseudonym(CHILD))
    record = stored.record
    assert (record.kind, record.automation, record.effect) == ("rule", 4, "grant")
    assert (record.case, record.authority) == ("case-7", "SILD/GOV/70000003")
    assert [(one.name, one.message_id) for one in record.inputs] == [("persons/child/born/ETERNITY", "m-1")]
    assert record.rules is not None and record.rules.package == "ee-health-cover"
    assert "2026-03-01" not in stored.content.decode(), "what is personal is sealed"
    held = register.cover(CHILD, USAGE)
    assert held is not None and held.value["decision"] == str(record.id)


def test_rules_that_fail_are_for_people_and_the_event_is_taken(
    directory: Path, clock: SetClock, others: Others
) -> None:
    register = InsuranceRegister.open(directory, people=0, clock=clock)
    register.deciding.packages = {
        sha: package for sha, package in register.deciding.packages.items() if package.country != "EE"
    }
    register.apply_event(event("civil.birth.registered", CHILD), "m-1")
    assert register.cover(CHILD, USAGE) is None
    asyncio.run(settle(register, others, clock))
    (task,) = register.tasks.about(CHILD)
    assert (task.kind, task.state, task.reason) == ("cover", TaskState.HELD, "unknown_package")
    register.close()


def test_the_synthetic_are_insured_by_age_and_work(directory: Path, clock: SetClock) -> None:
    register = InsuranceRegister.open(directory, people=400, clock=clock)
    with register.kernel.used("count", USAGE) as use:
        kinds = [fact.value["kind"] for fact in use.facts.named("insurance_cover", on=day("2026-03-02"))]
    register.close()
    assert {"child", "worker", "pensioner"} <= set(kinds)


def test_a_card_of_before_there_were_facts_of_cards_is_one_from_now_on(
    tmp_path: Path, clock: SetClock
) -> None:
    old, url = tmp_path / "insurance" / "migrations", sqlite_url(tmp_path / "insurance.db")
    old.mkdir(parents=True)
    for name in ("__init__.py", "r0001_insurance.py"):
        if (MIGRATIONS / name).exists():
            (old / name).write_bytes((MIGRATIONS / name).read_bytes())
    engine = open_database(
        url, EVENT_MIGRATIONS, KERNEL_MIGRATIONS, TASK_MIGRATIONS, DECISION_MIGRATIONS, old
    )
    with engine.begin() as connection:
        card = {"person": CHILD, "number": "8023", "state": "valid", "claims": {"birthdate": "2026-03-01"}}
        connection.execute(insert(cards).values(**card, office=None, credential="x", issued_at=clock()))
    engine.dispose()
    register = InsuranceRegister.open(tmp_path, people=0, system="/SILD/GOV/70000003/insurance", clock=clock)
    try:
        (fact,) = card_facts(register)
        assert (fact.value["number"], fact.valid_from) == ("8023", clock().date())
        assert register.card(CHILD, USAGE).status_index == 1, "its place in the status list is the one it had"
    finally:
        register.close()
