"""Zones of paid parking in which residents get permits: which streets of a municipality lie in which. Pure.

For demonstration: verify them with the council's regulation before relying on them. A street that is not here lies in no zone.
Viet Nam has no permits for residents: its communes have no zones.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["zone_of"]

ZONES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "0784": {
        "Vanalinn": ("Lai", "Pikk", "Aia"),
        "Kesklinn": ("Tartu mnt", "Narva mnt", "Mere pst", "Vabaduse pst", "Turu"),
    },
    "0793": {
        "A": ("Lai", "Pikk", "Aia", "Turu", "Vabaduse pst", "Mere pst"),
        "B": ("Pärna", "Kase", "Kooli", "Lille", "Narva mnt"),
        "C": ("Tartu mnt",),
    },
    "0624": {"Kesklinn": ("Lai", "Pikk", "Aia", "Vabaduse pst", "Mere pst")},
}
"""Municipality (code of the profile) -> zone -> streets."""
_BY_STREET = {
    (division, street): zone
    for division, zones in ZONES.items()
    for zone, streets in zones.items()
    for street in streets
}


def zone_of(division: str | None, street: str | None) -> str | None:
    """None: outside every zone, or the home is not known to the street."""
    return None if division is None or street is None else _BY_STREET.get((division, street))
