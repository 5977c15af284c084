"""Do the bars show what the figures say?"""

from xml.etree import ElementTree as ET

import pytest

from bench.chart import Bar, Panel, draw

SVG = "{http://www.w3.org/2000/svg}"
BARS = [Bar("nginx & more", 400.0, "400"), Bar("gateway", 100.0, "100", is_ours=True)]


def picture(*panels: Panel) -> ET.Element:
    return ET.fromstring(draw(panels, "Requests <per second>"))  # noqa: S314 - drawn here


def rectangles(root: ET.Element) -> list[ET.Element]:
    """The bars; the first is the ground."""
    return root.findall(f"{SVG}rect")[1:]


def test_a_bar_is_as_long_as_its_value() -> None:
    long, short = rectangles(picture(Panel("a case", BARS)))
    assert float(long.attrib["width"]) == pytest.approx(4 * float(short.attrib["width"]), rel=0.01)


def test_the_gateway_has_a_colour_of_its_own() -> None:
    theirs, ours = rectangles(picture(Panel("a case", BARS)))
    assert theirs.attrib["fill"] != ours.attrib["fill"]


def test_words_stay_words() -> None:
    texts = [text.text for text in picture(Panel("a case", BARS)).findall(f"{SVG}text")]
    assert texts == ["Requests <per second>", "a case", "nginx & more", "400", "gateway", "100"]


def test_all_panels_fit_and_none_covers_another() -> None:
    root = picture(*(Panel(f"case {number}", BARS) for number in range(3)))
    places = {(bar.attrib["x"], bar.attrib["y"]) for bar in rectangles(root)}
    assert len(places) == 6
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width for bar in rectangles(root))
    assert all(float(bar.attrib["y"]) + float(bar.attrib["height"]) <= height for bar in rectangles(root))


def test_nothing_but_zeros_is_drawn_too() -> None:
    assert [bar.attrib["width"] for bar in rectangles(picture(Panel("idle", [Bar("nobody", 0.0, "0")])))] == ["0.0"]
