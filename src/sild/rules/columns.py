"""The arithmetic of rules: columns of values of which some are unknown. One person is a column of one.

A formula of a package computes with these and nothing else, so that three things hold without its doing:

* unknown is not zero: what is computed from an unknown value is unknown, row by row, unless the others settle it (false and unknown
  is false; `where` takes from the side that applies alone);
* sums are exact: 64-bit integers, money in minor units; an overflow is refused, a division is a `Ratio` until the law rounds it;
* what was used is remembered (`used`): facts and outputs by link, parameters by date. A branch not taken is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sild.errors import CallerError
from sild.rules.package import Rounding

__all__ = [
    "NOTHING",
    "Array",
    "Column",
    "Ratio",
    "Used",
    "age",
    "constant",
    "day_of",
    "greatest",
    "later",
    "least",
    "month_of",
    "where",
]

Array: TypeAlias = NDArray[Any]  # the dtype goes by the type of the variable
Mask: TypeAlias = NDArray[np.bool_]
Used: TypeAlias = frozenset[tuple[str, ...]]
"""("value", variable, period, link...) or ("law", path, valid_from)."""

NOTHING: Used = frozenset()
LIMIT = 2.0**62


class Column:
    """values: int64, bool, datetime64[D] or text.  unknown: of which rows, None for no row.  Rows of one are spread over all."""

    __slots__ = ("unknown", "used", "values")
    __array_ufunc__ = None

    def __init__(self, values: Array, unknown: Mask | None = None, used: Used = NOTHING) -> None:
        self.values = values
        self.unknown = unknown if unknown is not None and unknown.any() else None
        self.used = used

    def __bool__(self) -> bool:
        raise TypeError("a column is no truth value: use where(), & and |")

    def __add__(self, other: object) -> Column:
        if isinstance(other, Ratio):
            return NotImplemented
        return _exact(np.add, self, other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: object) -> Column:
        if isinstance(other, Ratio):
            return NotImplemented
        return _exact(np.subtract, self, other, lambda a, b: a + b)

    def __rsub__(self, other: object) -> Column:
        return constant(other) - self

    def __mul__(self, other: object) -> Column:
        if isinstance(other, Ratio):
            return NotImplemented
        return _exact(np.multiply, self, other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Ratio:
        return Ratio(self, constant(1)) / other

    def __mod__(self, other: object) -> Column:
        return _exact(np.mod, self, other, max)

    def __floordiv__(self, other: object) -> Column:
        return _exact(np.floor_divide, self, other, max)

    def __lt__(self, other: object) -> Column:
        return _plain(np.less, self, other)

    def __le__(self, other: object) -> Column:
        return _plain(np.less_equal, self, other)

    def __gt__(self, other: object) -> Column:
        return _plain(np.greater, self, other)

    def __ge__(self, other: object) -> Column:
        return _plain(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]  # as numpy's: row by row
        return _plain(np.equal, self, other)

    def __ne__(self, other: object) -> Column:  # type: ignore[override]  # as numpy's: row by row
        return _plain(np.not_equal, self, other)

    __hash__ = None  # type: ignore[assignment]  # what is compared by row has no hash

    def __invert__(self) -> Column:
        return Column(~self._truth(), self.unknown, self.used)

    def __and__(self, other: object) -> Column:
        """Kleene's: false settles it."""
        that = constant(other)
        a, b = self._truth(), that._truth()
        settled = (~a & _known(self)) | (~b & _known(that))
        return Column(a & b, _either(self, that, ~settled), self.used | that.used)

    __rand__ = __and__

    def __or__(self, other: object) -> Column:
        """Kleene's: true settles it."""
        that = constant(other)
        a, b = self._truth(), that._truth()
        settled = (a & _known(self)) | (b & _known(that))
        return Column(
            (a & _known(self)) | (b & _known(that)), _either(self, that, ~settled), self.used | that.used
        )

    __ror__ = __or__

    def is_in(self, *others: object) -> Column:
        found = constant(False)
        for other in others:
            found = found | (self == other)
        return found

    def is_known(self) -> Column:
        """Of each row, whether it is. Itself always known."""
        known = np.ones(self.values.shape, np.bool_) if self.unknown is None else ~self.unknown
        return Column(known, None, self.used)

    def _truth(self) -> Mask:
        if self.values.dtype != np.bool_:
            raise TypeError("only true and false can be joined by &, | and ~")
        return self.values


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact quotient, not yet rounded: whole numbers over whole numbers above zero."""

    over: Column
    under: Column

    def __mul__(self, other: object) -> Ratio:
        that = _ratio(other)
        return Ratio(self.over * that.over, self.under * that.under)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Ratio:
        that = _ratio(other)
        positive = that.over.values > 0
        if not (positive | ~_known(that.over)).all():
            raise CallerError("a rule divides by what is not above zero", code="rule_failed")
        under = Column(np.where(positive, that.over.values, 1), that.over.unknown, that.over.used)
        return Ratio(self.over * that.under, self.under * under)

    def __add__(self, other: object) -> Ratio:
        that = _ratio(other)
        return Ratio(self.over * that.under + that.over * self.under, self.under * that.under)

    __radd__ = __add__

    def __sub__(self, other: object) -> Ratio:
        return self + _ratio(other) * -1

    def __rsub__(self, other: object) -> Ratio:
        return self * -1 + other

    def rounded(self, step: int, mode: str) -> Column:
        """To whole steps of minor units. half_up: away from zero on the half, as on paper."""
        whole = _round(self.over * 1, self.under * step, mode)
        return whole * step

    def exact(self, row: int) -> Fraction:
        over, under = np.broadcast_arrays(self.over.values, self.under.values)
        return Fraction(int(over[row]), int(under[row]))


def constant(value: object) -> Column:
    """A Column as it is; else one value for every row."""
    if isinstance(value, Column):
        return value
    if isinstance(value, bool):
        return Column(np.array([value]))
    if isinstance(value, int):
        return Column(np.array([value], np.int64))
    if isinstance(value, str):
        return Column(np.array([value]))
    return Column(np.array([value], "datetime64[D]"))


def where(condition: Column, yes: object, no: object) -> Column:
    """Row by row. What is not taken is not looked at: unknown there does no harm."""
    one, other = constant(yes), constant(no)
    truth, known = condition._truth(), _known(condition)
    if known.all() and (truth.all() or not truth.any()):
        taken = one if truth.all() else other
        values, unknown = np.broadcast_arrays(taken.values, truth)[0], _mask(taken)
        mask = None if unknown is None else np.broadcast_to(unknown, values.shape)
        return Column(values, mask, condition.used | taken.used)
    lost = np.where(truth, ~_known(one), ~_known(other)) | ~known
    return Column(np.where(truth, one.values, other.values), lost, condition.used | one.used | other.used)


def least(first: object, *others: object) -> Column:
    found = constant(first)
    for other in others:
        found = _plain(np.minimum, found, other)
    return found


def greatest(first: object, *others: object) -> Column:
    found = constant(first)
    for other in others:
        found = _plain(np.maximum, found, other)
    return found


def later(days: Column, *, years: object = 0, months: object = 0, plus_days: object = 0) -> Column:
    """The same day of a later month, of one without such a day the first of the next; then so many days on."""
    count, extra = constant(years) * 12 + constant(months), constant(plus_days)
    first = days.values.astype("datetime64[M]")
    day = days.values.astype("datetime64[D]") - first.astype("datetime64[D]")
    target = first + count.values.astype("timedelta64[M]")
    found = target.astype("datetime64[D]") + day
    found = np.where(found.astype("datetime64[M]") == target, found, (target + 1).astype("datetime64[D]"))
    found = found + extra.values.astype("timedelta64[D]")
    joined = _plain(np.add, count, extra)
    return Column(found, _either(days, joined), days.used | joined.used)


def month_of(days: Column) -> Column:
    """`12 * year + month - 1`."""
    months = days.values.astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return Column(months, days.unknown, days.used)


def age(born: Column, on: Column) -> Column:
    """In whole years; who was born on 29 February comes of age on 1 March."""
    months = month_of(on) - month_of(born)
    behind = day_of(on) < day_of(born)
    return (months - where(behind, 1, 0)) // 12


def spread(column: Column, count: int) -> tuple[Array, Mask]:
    """For all rows. Not to be written to: what is whole already is not copied.

    The value of an unknown row is the same for all: zero, false, the epoch, no text.
    """
    values = np.broadcast_to(column.values, (count,))
    if column.unknown is None:
        return values, np.broadcast_to(np.False_, (count,))
    unknown = np.broadcast_to(column.unknown, (count,))
    values = np.array(values)
    values[unknown] = np.zeros(1, values.dtype)[0]
    return values, unknown


def rounded(ratio: Ratio, rounding: Rounding, digits: int) -> Column:
    """As the law says. digits: of the currency.  Raises CallerError (rule_failed): the step is finer than the currency."""
    step = Fraction(rounding.step) * 10**digits
    if step.denominator != 1 or step < 1:
        raise CallerError("the step of a rounding is no whole number of minor units", code="rule_failed")
    return ratio.rounded(int(step), rounding.mode)


def day_of(days: Column) -> Column:
    """Of its month, 1 to 31."""
    months = days.values.astype("datetime64[M]").astype("datetime64[D]")
    inside = (days.values.astype("datetime64[D]") - months).astype(np.int64) + 1
    return Column(inside, days.unknown, days.used)


def _ratio(value: object) -> Ratio:
    return value if isinstance(value, Ratio) else Ratio(constant(value), constant(1))


def _known(column: Column) -> Mask:
    return np.ones(1, np.bool_) if column.unknown is None else ~column.unknown


def _mask(column: Column) -> Mask | None:
    return column.unknown


def _either(one: Column, other: Column, unless: Mask | None = None) -> Mask | None:
    if one.unknown is None and other.unknown is None:
        return None
    joined = ~_known(one) | ~_known(other)
    return joined if unless is None else joined & unless


def _plain(operation: Callable[..., Array], one: Column, other: object) -> Column:
    that = constant(other)
    return _with_mask(operation(one.values, that.values), one, that)


def _with_mask(values: Array, one: Column, other: Column) -> Column:
    mask = _either(one, other)
    return Column(
        values, None if mask is None else np.broadcast_to(mask, values.shape), one.used | other.used
    )


def _exact(
    operation: Callable[..., Array], one: Column, other: object, most: Callable[[float, float], float]
) -> Column:
    """most: how large the result can be for operands of a size."""
    that = constant(other)
    for side in (one, that):
        if side.values.dtype != np.int64:
            raise TypeError("only whole numbers are added, subtracted and multiplied")
    if most(_size(one), _size(that)) >= LIMIT:
        raise CallerError("a sum is too large to be exact", code="rule_failed")
    return _with_mask(operation(one.values, that.values), one, that)


def _size(column: Column) -> float:
    if not column.values.size:
        return 0.0
    return max(abs(float(column.values.max())), abs(float(column.values.min())))


def _round(over: Column, under: Column, mode: str) -> Column:
    """over / under, under above zero, to a whole number: exact, in integers."""
    negative = over < 0
    size = where(negative, over * -1, over)
    if mode == "half_up":
        whole = (size * 2 + under) // (under * 2)
    elif mode == "down":
        whole = size // under
    elif mode == "up":
        whole = (size + under - 1) // under
    else:
        low, rest = size // under, (size % under) * 2
        whole = where((rest > under) | ((rest == under) & (low % 2 == 1)), low + 1, low)
    return where(negative, whole * -1, whole)
