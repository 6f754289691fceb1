"""What every register is built on: bitemporal facts, a record of every use, events.

register = Kernel.open(url, "/SILD/GOV/70000002/population", RESIDENCE_MIGRATIONS)
with register.used("getPerson", usage) as use:                 # one transaction, its usage record in it, refusals too
    use.concerns(code)                                         # whose data it is
    use.facts.value(code, "family_name", on=use.today)
    use.facts.record(...); use.publish("civil.birth.registered", code, {...})

A fact says when it is true, when we knew it, who said so, on which legal ground and by which message. Called by registers.

facts.py  bitemporal facts        usage.py  who used whose data        kernel.py  the transaction that holds it all together
defects.py  a refusal that names everything        corrections.py, fact_paths.py, dispute_paths.py  disputes and corrections
containers.py, container_paths.py  evidence of a use, for whom it is about
protecting.py  whom an order keeps away, for every register
matters.py, matters_told.py  what waits for a person, told and read
http.py  what all registers have        asking.py, grounds.py, proving.py  who asks, on which grounds, who acts        transfers.py  what may leave the country        problems.py  refusals        description.py  self-description
"""

from __future__ import annotations

from sild.registries.kernel.corrections import FactKind, provenance
from sild.registries.kernel.defects import Defect, Defects, refuse_defects
from sild.registries.kernel.facts import Fact, Facts, Provenance
from sild.registries.kernel.grounds import Grounds
from sild.registries.kernel.kernel import KERNEL_MIGRATIONS, Kernel, Use
from sild.registries.kernel.matters_told import matter_opened, matter_settled
from sild.registries.kernel.protecting import days_said_last, is_kept_from
from sild.registries.kernel.transfers import Transfer
from sild.registries.kernel.usage import Usage, UsageEntry, UsagePage

__all__ = [
    "KERNEL_MIGRATIONS",
    "Defect",
    "Defects",
    "Fact",
    "FactKind",
    "Facts",
    "Grounds",
    "Kernel",
    "Provenance",
    "Transfer",
    "Usage",
    "UsageEntry",
    "UsagePage",
    "Use",
    "days_said_last",
    "is_kept_from",
    "matter_opened",
    "matter_settled",
    "provenance",
    "refuse_defects",
]
