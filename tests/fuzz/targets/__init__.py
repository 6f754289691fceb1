"""Every parser that strangers reach, by where its bytes come from."""

from fuzz.target import Target
from fuzz.targets import (
    certificates,
    configuration,
    descriptions,
    evidence,
    exchange,
    identity,
    information_systems,
    management,
    wallets,
)

__all__ = ["TARGETS"]

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (
        exchange,
        evidence,
        certificates,
        configuration,
        management,
        descriptions,
        identity,
        information_systems,
        wallets,
    )
    for target in module.TARGETS
}
