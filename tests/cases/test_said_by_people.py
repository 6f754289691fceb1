"""What people say to registers is proved: by the identity provider's word of the moment they said it, for that and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from sild.errors import CallerError, Unavailable
from support.acting import EARLY, LogIn, proof

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER

OFFER = {"choice": ["mother"], "account": [ACCOUNT]}
PERSON = LogIn(posture=None, roles=())


async def offered(village):
    """A case in which the board has made its offer."""
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    return case


def heard(village, end):
    """Of each message to the social register under this path: path and headers."""
    return [
        (path, headers)
        for register, method, path, headers in village.wire.heard
        if (register, method) == ("social", "POST") and path.endswith(end)
    ]


ATTACKS = {
    "nobody's, as of jobs that wait since before": None,
    "another's": {"subject": JAAN.person},
    "of another case": {"case": "case-of-somebody"},
    "for another register": {"registers": ["SILD/GOV/70000005/education"]},
    "for something else": {"operations": ["changeAccount"]},
    "for nothing in particular": {"operations": []},
    "for somebody they represent": {"login": LogIn(posture=None, roles=(), representee="EE60001019906")},
    "of a log-in of low level": {"login": LogIn(acr="low", posture=None, roles=())},
    "only to look": {"acts": False},
    "that had ended": {"at": EARLY},
}


async def test_what_is_not_proved_is_not_done_and_the_person_is_told_to_say_it_again(village):
    """Whatever the proof lacks, nothing is granted; said again, it is."""
    case = await offered(village)
    voucher = village.cases._parts.voucher
    honest = voucher.vouch
    for number, (attack, changes) in enumerate(ATTACKS.items(), start=1):

        async def vouch(actor, case, registers, *, acts, operations=(), changes=changes):
            if changes is None:
                return ""
            said = {"subject": actor.person, "case": case, "at": village.now, "login": PERSON}
            return proof(**{**said, "registers": registers, "operations": operations, **changes})

        voucher.vouch = vouch
        await village.act(case, "ACCEPT", MARI, OFFER)
        view = await village.cases.view(case, MARI)
        told = (await village.notices(MARI)).count("say_again")
        assert (view.status, told) == ("OFFERED", number), attack
    voucher.vouch = honest
    await village.act(case, "ACCEPT", MARI, OFFER)
    assert (await village.cases.view(case, MARI)).is_closed


async def test_it_waits_for_weeks_through_a_restart_and_counts_once(village):
    """The board is down for a month; what was said holds as it was said. Its proof is of no use for anything else."""
    case = await offered(village)
    send, tried = village.wire.send, []

    async def takes_nothing(register, method, path, **more):
        if path.endswith("/acceptance"):
            tried.append(more["headers"]["Sild-Acting"])
            raise Unavailable("down", code="network_error")
        return await send(register, method, path, **more)

    village.wire.send = takes_nothing
    await village.act(case, "ACCEPT", MARI, OFFER)
    assert (await village.cases.view(case, MARI)).status == "ACCEPTED"
    await village.cases.stop()
    village.later(days=30)
    await village.start()
    village.wire.send = send
    async with asyncio.timeout(30):
        while not (await village.cases.view(case, MARI)).is_closed:
            await village.try_again(case)
    sent = heard(village, "/acceptance")
    assert {*tried} == {headers["Sild-Acting"] for _path, headers in sent}, "one word of the provider's"

    path, headers = sent[-1]
    for where, body in ((path, {"choice": "shared", "account": ACCOUNT, "version": 1}),
                        (path.replace("acceptance", "account"), {"account": ACCOUNT})):  # fmt: skip
        with pytest.raises(CallerError) as replayed:
            await village.wire.send(
                "social", "POST", where, headers={**headers, "X-Road-Id": village.key()}, body=body
            )
        assert replayed.value.code == "acting_not_proven", where
    again = await village.wire.send(
        "social", "POST", path, headers=headers, body={"choice": "mother", "account": ACCOUNT, "version": 1}
    )
    assert again[0] == 200, "the same message is answered as before"


async def test_the_provider_is_asked_once_for_each_act_and_for_nothing_of_those_who_only_look(village):
    asked = []
    voucher = village.cases._parts.voucher
    honest = voucher.vouch

    async def vouch(actor, case, registers, **more):
        asked.append((actor.person, tuple(registers), more.get("operations")))
        return await honest(actor, case, registers, **more)

    voucher.vouch = vouch
    case = await offered(village)
    await village.act(case, "ACCEPT", MARI, OFFER)
    assert asked == [
        (
            MARI.person,
            ("SILD/GOV/70000003/care", "SILD/GOV/70000005/education"),
            ["choosePractice", "wishPlace"],
        ),
        (MARI.person, ("SILD/GOV/70000004/social",), ["acceptOffer"]),
    ]
