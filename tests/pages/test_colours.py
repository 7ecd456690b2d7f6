"""The colours of tokens.css: text reads on every paper, and the hues of the charts are told apart by everybody."""

import math
import re
from itertools import combinations

import pytest

from scripts.hermetic import ROOT

pytestmark = pytest.mark.trial

Colour = tuple[float, float, float]  # linear sRGB

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear sRGB.
VISIONS: dict[str, tuple[Colour, Colour, Colour]] = {
    "ordinary": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
LEAST_DISTANCE = 0.08  # in OKLab: four times what is just noticeable


def tokens(theme: str) -> dict[str, tuple[float, ...]]:
    """Name -> lightness, chroma, hue and opacity."""
    text = (ROOT / "static/css/tokens.css").read_text()
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    pattern = r"--([\w-]+): oklch\(([\d.]+)% ([\d.]+) ([\d.]+)(?: / ([\d.]+))?\);"
    found: dict[str, tuple[float, ...]] = {}
    for part in [light, dark] if theme == "dark" else [light]:
        for name, lightness, chroma, hue, opacity in re.findall(pattern, part):
            found[name] = (float(lightness) / 100, float(chroma), float(hue), float(opacity or 1))
    return found


def to_linear(colour: tuple[float, ...]) -> Colour:
    """Björn Ottosson, "A perceptual color space for image processing" (2020); clipped to what a screen shows."""
    lightness, chroma, hue = colour[:3]
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    mixed = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, part)) for part in mixed)
    return red, green, blue


def to_lab(colour: Colour) -> Colour:
    red, green, blue = colour
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def seen(colour: Colour, vision: str) -> Colour:
    red, green, blue = (
        min(1.0, max(0.0, sum(weight * part for weight, part in zip(row, colour, strict=True))))
        for row in VISIONS[vision]
    )
    return red, green, blue


def gamma(part: float) -> float:
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def laid_over(colour: tuple[float, ...], ground: Colour) -> Colour:
    """What a see-through colour looks like on its ground; browsers mix the encoded values."""
    red, green, blue = (
        ((gamma(above) * colour[3] + gamma(below) * (1 - colour[3]) + 0.055) / 1.055) ** 2.4
        for above, below in zip(to_linear(colour), ground, strict=True)
    )
    return red, green, blue


def contrast(first: Colour, second: Colour) -> float:
    """WCAG 2.2, contrast ratio."""
    lighter, darker = sorted(
        (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (first, second)), reverse=True
    )
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("paper", ["paper", "surface", "raised"])
@pytest.mark.parametrize("ink", ["ink", "ink-2", "ink-3", "accent-strong", "attention", "harm", "good"])
def test_text_reads_on_every_paper(theme: str, paper: str, ink: str) -> None:
    found = tokens(theme)

    assert contrast(to_linear(found[ink]), to_linear(found[paper])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("good", "good-soft"),
        ("attention", "attention-soft"),
        ("harm", "harm-soft"),
        ("accent-strong", "accent-soft"),
        ("ink", "attention-soft"),
        ("ink-2", "sunken"),
    ],
)
def test_text_reads_on_its_tint(theme: str, ink: str, ground: str) -> None:
    found = tokens(theme)
    for paper in ("paper", "surface"):
        tint = laid_over(found[ground], to_linear(found[paper]))
        assert contrast(to_linear(found[ink]), tint) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["accent", "accent-strong", "harm"])
def test_the_words_of_a_button_read(theme: str, ground: str) -> None:
    found = tokens(theme)

    assert contrast(to_linear(found["on-accent"]), to_linear(found[ground])) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_the_hues_of_a_chart_are_told_apart(theme: str, vision: str) -> None:
    found = tokens(theme)
    names = [f"chart-{number}" for number in range(1, 9)]
    labs = {name: to_lab(seen(to_linear(found[name]), vision)) for name in names}

    distances = {pair: math.dist(labs[pair[0]], labs[pair[1]]) for pair in combinations(names, 2)}

    assert {pair: round(far, 3) for pair, far in distances.items() if far < LEAST_DISTANCE} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", range(1, 9))
def test_the_hues_of_a_chart_stand_out_from_the_paper(theme: str, number: int) -> None:
    found = tokens(theme)
    for paper in ("paper", "surface"):
        assert contrast(to_linear(found[f"chart-{number}"]), to_linear(found[paper])) >= 3
