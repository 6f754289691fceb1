"""A whole country composed from the rooms: for the demo, for tests of other people's systems and for benchmarks.

layout.py       where its state lies, ports and secrets       plan.py         which members, servers and rights
founding.py     the first start: keys, certificates, members  nation.py       every start      running.py  what runs until it stops
description.py  nation.json                                   story.py        the self-check of one exchange
countries/      what a country calls its bodies
country.py      the whole country, its rights                 systems.py      its information systems, running
ai_gateway.py   to models, without one by default
people.py       test people      citizens.py, identity.py, portal.py  what citizens see
birth_journey.py, move_journey.py, audit_journey.py  J1, J2 and J8 as a self-check, signing_journey.py  signatures of people in J1      journeys.py, browser.py  what they have in common
"""

from sild.nation.audit_journey import tell_audit
from sild.nation.birth_journey import tell_birth
from sild.nation.countries import CountryDescription, countries, load_country, parse_country
from sild.nation.country import COUNTRY, country_plan, ensure_people_enough
from sild.nation.floor import Floor, measure_floor
from sild.nation.layout import Layout
from sild.nation.load import Call, Load, joined, run_load
from sild.nation.move_journey import tell_move
from sild.nation.nation import Nation
from sild.nation.plan import DEMO, MemberPlan, NationPlan
from sild.nation.server_process import ServerProcess, Usage
from sild.nation.signing_journey import tell_signing
from sild.nation.story import Step, tell

__all__ = [
    "COUNTRY",
    "DEMO",
    "Call",
    "CountryDescription",
    "Floor",
    "Layout",
    "Load",
    "MemberPlan",
    "Nation",
    "NationPlan",
    "ServerProcess",
    "Step",
    "Usage",
    "countries",
    "country_plan",
    "ensure_people_enough",
    "joined",
    "load_country",
    "measure_floor",
    "parse_country",
    "run_load",
    "tell",
    "tell_audit",
    "tell_birth",
    "tell_move",
    "tell_signing",
]
