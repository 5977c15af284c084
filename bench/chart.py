"""How do the results look? Bars, drawn as SVG without anything but text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 460
_LABELS: Final = 170
_FIGURES: Final = 70
_LINE: Final = 20
_TITLE: Final = 34
_GAP: Final = 16
_COLUMNS: Final = 2
_OURS: Final = "#c2410c"
_THEIRS: Final = "#94a3b8"
_INK: Final = "#1e293b"


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    text: str
    """The value, as it is written beside the bar."""
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """The bars of one case; the longest fills the width."""

    title: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        return _TITLE + _LINE * len(self.bars) + _GAP


def draw(panels: Sequence[Panel], caption: str) -> str:
    """One picture of all panels, two beside each other."""
    pairs = [panels[at : at + _COLUMNS] for at in range(0, len(panels), _COLUMNS)]
    pieces: list[str] = []
    top = _TITLE
    for pair in pairs:
        for column, panel in enumerate(pair):
            pieces.extend(_panel(panel, column * _WIDTH, top))
        top += max(panel.height for panel in pair)
    width = _COLUMNS * _WIDTH
    size = f'width="{width}" height="{top}"'
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {top}" font-family="sans-serif">',
        f'<rect {size} fill="#ffffff"/>',
        _text(_GAP, _LINE, caption, size=14, weight="bold"),
        *pieces,
        "</svg>",
        "",
    ))  # fmt: skip


def _panel(panel: Panel, left: int, top: int) -> Iterable[str]:
    longest = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    room = _WIDTH - _LABELS - _FIGURES - _GAP
    yield _text(left + _GAP, top + _LINE, panel.title, weight="bold")
    for line, bar in enumerate(panel.bars):
        y = top + _TITLE + line * _LINE
        width = round(bar.value / longest * room, 1)
        yield _text(left + _LABELS, y + 12, bar.label, anchor="end")
        colour = _OURS if bar.is_ours else _THEIRS
        yield f'<rect x="{left + _LABELS + 6}" y="{y}" width="{width}" height="{_LINE - 5}" fill="{colour}"/>'
        yield _text(left + _LABELS + 10 + width, y + 12, bar.text)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, weight: str = "normal") -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" font-weight="{weight}" fill="{_INK}">{escape(words)}</text>'
