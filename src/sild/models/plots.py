"""What a term says, and predicted against real, as SVG: no script and no library; colours by class, from the page or its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from sild.models.figures import Pair
from sild.models.glass_box import Feature, GlassBox, Term

__all__ = ["predicted_plot", "term_plot"]

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 46
STYLE = (
    "<style>.plot{background:#fff;font:13px system-ui,sans-serif}.plot text{fill:#4b5a63}.axis{stroke:#7a8690}"
    ".line{stroke:#0d5c75;stroke-width:2;fill:none}.band{fill:#0d5c75;opacity:.16}.dots{stroke:#0d5c75;stroke-width:5;stroke-linecap:round;stroke-opacity:.55;fill:none}.more{fill:#0d5c75}.less{fill:#9b1c1c}"
    ".zero{stroke:#7a8690;stroke-dasharray:3 3}</style>"
)


def term_plot(
    model: GlassBox, term: Term, label: str, labels: Mapping[str, str], *, standalone: bool = False
) -> str:
    """The change in percent that a term adds, over its feature; of two features, a field for each pair of bins.

    label: of the whole.  labels: of the features.  standalone: with colours of its own, for a file.
    """
    features = [model.by_name[name] for name in term.features]
    if len(features) == 2:
        drawn = _fields(model, term, labels)
    elif features[0].kind == "nominal":
        drawn = _bars(features[0], term, labels)
    else:
        drawn = _steps(model, features[0], term, labels)
    return _svg(drawn, label, standalone)


def predicted_plot(
    pairs: Sequence[Pair], label: str, labels: tuple[str, str], *, standalone: bool = False
) -> str:
    """A dot for each commune: predicted change across, real change up, percent; on the line both are equal."""
    points = [(100 * (pair.predicted / pair.base - 1), 100 * (pair.actual / pair.base - 1)) for pair in pairs]
    flat = [value for point in points for value in point] or [-1.0, 1.0]
    low, high = min(flat), max(flat)
    x, y = _scale(low, high, LEFT, WIDTH - RIGHT), _scale(low, high, HEIGHT - BOTTOM, TOP)
    dots = "".join(f"M{x(across):.0f} {y(up):.0f}h0" for across, up in points)
    return _svg(
        _frame(low, high, low, high, labels[0], labels[1])
        + f'<path class="zero" d="M{x(low):.0f} {y(low):.0f}L{x(high):.0f} {y(high):.0f}"/>'
        + f'<path class="dots" d="{dots}"/>',
        label,
        standalone,
    )


def _steps(model: GlassBox, feature: Feature, term: Term, labels: Mapping[str, str]) -> str:
    assert feature.lowest is not None and feature.highest is not None
    edges = [feature.lowest, *term.cuts[0], feature.highest]
    low, high = _reach(model)
    x, y = (
        _scale(feature.lowest, feature.highest, LEFT, WIDTH - RIGHT),
        _scale(low, high, HEIGHT - BOTTOM, TOP),
    )
    line, above, below = "", [], []
    for number, (score, spread) in enumerate(zip(term.scores, term.spread, strict=True)):
        begins, ends = x(edges[number]), x(edges[number + 1])
        line += f"{'L' if line else 'M'}{begins:.0f} {y(score):.0f}H{ends:.0f}"
        above.append(f"{begins:.0f} {y(score + 2 * spread):.0f}H{ends:.0f}")
        below.append(f"{ends:.0f} {y(score - 2 * spread):.0f}H{begins:.0f}")
    band = "M" + "L".join(above) + "L" + "L".join(reversed(below)) + "Z"
    return (
        _frame(feature.lowest, feature.highest, low, high, labels[feature.name], "%")
        + f'<path class="band" d="{band}"/>{_zero(y(0))}<path class="line" d="{line}"/>'
    )


def _bars(feature: Feature, term: Term, labels: Mapping[str, str]) -> str:
    low, high = _reach(model=None, scores=term.scores)
    y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    width = (WIDTH - LEFT - RIGHT) / len(feature.values)
    drawn = ""
    for number, score in enumerate(term.scores):
        begins = LEFT + width * (number + 0.25)
        top, height = min(y(score), y(0)), abs(y(score) - y(0))
        drawn += f'<rect class="{_sign(score)}" x="{begins:.0f}" y="{top:.1f}" width="{width / 2:.0f}" height="{max(1, height):.1f}"/>'
        value = labels.get(feature.values[number], feature.values[number])
        drawn += f'<text x="{begins + width / 4:.0f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{escape(value)}</text>'
    return _up(low, high, "%") + drawn + _zero(y(0)) + _across(labels[feature.name])


def _fields(model: GlassBox, term: Term, labels: Mapping[str, str]) -> str:
    """The first feature up, the second across; the darker, the more it adds or takes."""
    up, across = (model.by_name[name] for name in term.features)
    rows = len(term.cuts[0]) + 1 if up.kind == "continuous" else len(up.values)
    columns = len(term.scores) // rows
    greatest = max(abs(score) for score in term.scores) or 1.0
    width, height = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - BOTTOM) / rows
    drawn = ""
    for number, score in enumerate(term.scores):
        row, column = divmod(number, columns)
        x, y = LEFT + column * width, HEIGHT - BOTTOM - (row + 1) * height
        drawn += (
            f'<rect class="{_sign(score)}" fill-opacity="{abs(score) / greatest * 0.6:.2f}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )
        middle = f'x="{x + width / 2:.0f}" y="{y + height / 2 + 4:.0f}"'
        drawn += f'<text {middle} text-anchor="middle">{score:+.2f}</text>'
    for number, cut in enumerate(term.cuts[1]):
        drawn += f'<text x="{LEFT + (number + 1) * width:.0f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{cut:.3g}</text>'
    for number, cut in enumerate(term.cuts[0]):
        drawn += f'<text x="{LEFT - 5}" y="{HEIGHT - BOTTOM - (number + 1) * height + 4:.0f}" text-anchor="end">{cut:.3g}</text>'
    return drawn + _across(labels[across.name]) + _name_up(labels[up.name])


def _reach(model: GlassBox | None, scores: Sequence[float] = ()) -> tuple[float, float]:
    """One scale for all plots of one feature, so that they can be compared."""
    every = (
        scores
        if model is None
        else [
            end
            for term in model.terms
            if len(term.features) == 1
            for score, spread in zip(term.scores, term.spread, strict=True)
            for end in (score - 2 * spread, score + 2 * spread)
        ]
    )
    return min(0.0, *every), max(0.0, *every)


class _scale:
    def __init__(self, low: float, high: float, begins: float, ends: float) -> None:
        self._low, self._span = low, (high - low) or 1.0
        self._begins, self._length = begins, ends - begins

    def __call__(self, value: float) -> float:
        return self._begins + (value - self._low) / self._span * self._length


def _frame(left: float, right: float, low: float, high: float, across: str, up: str) -> str:
    x = _scale(left, right, LEFT, WIDTH - RIGHT)
    ticks = [left + (right - left) * n / 4 for n in range(5)]
    drawn = "".join(
        f'<text x="{x(tick):.0f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="{"end" if tick == right else "middle"}">{_number(tick)}</text>'
        for tick in ticks
    )
    return _up(low, high, up) + drawn + _across(across)


def _up(low: float, high: float, label: str) -> str:
    y = _scale(low, high, HEIGHT - BOTTOM, TOP)
    drawn = f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none"/>'
    for n in range(5):
        tick = low + (high - low) * n / 4
        drawn += f'<text x="{LEFT - 5}" y="{y(tick) + 4:.0f}" text-anchor="end">{_number(tick)}</text>'
    return drawn + _name_up(label)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.1f}"


def _name_up(label: str) -> str:
    middle = (HEIGHT - BOTTOM) // 2
    return f'<text x="12" y="{middle}" transform="rotate(-90 12 {middle})" text-anchor="middle">{escape(label)}</text>'


def _across(label: str) -> str:
    return f'<text x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label)}</text>'


def _zero(y: float) -> str:
    return f'<path class="zero" d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}"/>'


def _sign(score: float) -> str:
    return "more" if score >= 0 else "less"


def _svg(drawn: str, label: str, standalone: bool) -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" ' if standalone else ""
    style = STYLE if standalone else ""
    return (
        f'<svg {names}class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label={quoteattr(label)}>'
        f"{style}{drawn}</svg>"
    )
