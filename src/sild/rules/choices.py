"""The lawful ways to receive, rebuilt from outputs: what a package lists under `choices`, with amounts or with what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sild.errors import CallerError
from sild.rules.evaluation import Asked, Evaluation, Situation, Unknown, node_id
from sild.rules.package import ChoiceSpec, ItemSpec, RulePackage, is_currency

__all__ = ["Choice", "Item", "choices", "outputs_of_choices"]


@dataclass(frozen=True, slots=True)
class Item:
    """One benefit to one person. amount: a decimal string, None if unknown.  missing: the facts that keep it so.

    valid_from, valid_to: ISO 8601 dates; valid_to is the first day without it, None for what is paid once.  node: of the amount.
    """

    benefit: str
    receiver: str
    per: Literal["once", "month"]
    amount: str | None
    currency: str
    valid_from: str | None
    valid_to: str | None
    basis: str
    node: str
    missing: tuple[Unknown, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    id: str
    items: tuple[Item, ...]


def outputs_of_choices(package: RulePackage, situation: Situation) -> list[Asked]:
    """What to ask so that `choices` can be told; each once. Without choices, nothing.

    Raises CallerError (invalid_situation): not exactly one group.
    """
    if not package.choices:
        return []
    group, roles = _group(package, situation)
    asked: dict[Asked, None] = {}
    for choice in package.choices:
        for condition in (choice.when, choice.unless):
            if condition is not None:
                asked[group, condition, "ETERNITY"] = None
        for item in choice.items:
            for output in (item.amount, item.valid_from, item.valid_to):
                whose = output and _whose(package, output, item, group, roles)
                if output and whose:
                    asked[whose, output, "ETERNITY"] = None
    return list(asked)


def choices(package: RulePackage, situation: Situation, evaluation: Evaluation) -> tuple[Choice, ...]:
    """In the order of the package; those whose condition is met and whose receivers there are."""
    group, roles = _group(package, situation)
    return tuple(
        Choice(choice.id, tuple(_item(package, item, group, roles, evaluation) for item in choice.items))
        for choice in package.choices
        if _is_open(choice, group, evaluation) and all(item.receiver in roles for item in choice.items)
    )


def _is_open(choice: ChoiceSpec, group: str, evaluation: Evaluation) -> bool:
    met = choice.when is None or evaluation.value(group, choice.when) is True
    return met and (choice.unless is None or evaluation.value(group, choice.unless) is False)


def _item(
    package: RulePackage, item: ItemSpec, group: str, roles: Mapping[str, str], evaluation: Evaluation
) -> Item:
    whose = _whose(package, item.amount, item, group, roles) or ""
    amount = evaluation.value(whose, item.amount)
    return Item(
        benefit=item.benefit,
        receiver=roles[item.receiver],
        per=item.per,
        amount=None if amount is None else str(amount),
        currency=package.outputs[item.amount].currency or "",
        valid_from=_day(package, item.valid_from, item, group, roles, evaluation),
        valid_to=item.valid_to and _day(package, item.valid_to, item, group, roles, evaluation),
        basis=item.basis.format(law="; ".join(_articles(package, evaluation, whose, item.amount))),
        node=node_id(whose, item.amount, "ETERNITY"),
        missing=evaluation.missing_for(whose, item.amount),
    )


def _day(
    package: RulePackage,
    output: str,
    item: ItemSpec,
    group: str,
    roles: Mapping[str, str],
    evaluation: Evaluation,
) -> str | None:
    value = evaluation.value(_whose(package, output, item, group, roles) or "", output)
    return None if value is None else str(value)


def _articles(package: RulePackage, evaluation: Evaluation, whose: str, output: str) -> Iterator[str]:
    node = evaluation.trace.find(node_id(whose, output, "ETERNITY"))
    found = set()
    for used in node.parameters if node else ():
        path, since = used.rsplit("@", 1)
        for value in package.parameters[path]:
            if (
                value.valid_from.isoformat() == since
                and is_currency(value.unit)
                and value.article not in found
            ):
                found.add(value.article)
                yield value.article


def _whose(
    package: RulePackage, output: str, item: ItemSpec, group: str, roles: Mapping[str, str]
) -> str | None:
    """The group, or the receiver if the output is a person's."""
    return group if package.outputs[output].entity != package.person else roles.get(item.receiver)


def _group(package: RulePackage, situation: Situation) -> tuple[str, dict[str, str]]:
    """The one group, and who has which role there."""
    name = next(name for name, spec in package.entities.items() if spec.roles is not None)
    spec = package.entities[name]
    groups = situation.get(spec.plural)
    if not isinstance(groups, Mapping) or len(groups) != 1:
        raise CallerError(f"choices are those of one {name}", code="invalid_situation")
    [(group, values)] = groups.items()
    if not isinstance(values, Mapping):
        raise CallerError(f"a {name} is an object", code="invalid_situation")
    roles = {}
    for role in spec.roles or {}:
        members = values.get(role) or []
        if isinstance(members, list | tuple | str) and members:
            roles[role] = members if isinstance(members, str) else str(members[0])
    return group, roles
