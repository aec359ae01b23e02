"""Scenes: what stands where, on what background, in what style; and their captions.

A scene is drawn by lot from a seeded generator, has its caption, and can be rendered at any time from itself alone.
Some combinations are held out, so that an evaluation can ask for them: a single thing at a place, a single thing in a
colour, two things side by side, a rider on a mount, two to four of a thing. A fox that is never alone on mars may
still be there with an owl.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

from training.backgrounds import PLACES, SIDE
from training.vocabulary import AFTER, BEFORE, COLOURS, HUES, NUMBERS, THINGS, Thing

Kind = Literal["single", "pair", "riding", "several"]
Style = Literal["", "grey", "pixels", "blurred", "sepia"]

_STYLES: Mapping[Style, tuple[str, ...]] = {
    "grey": ("a black and white photo of ", "a monochrome picture of ", "black and white "),
    "pixels": ("pixel art of ", "an 8-bit pixel art of "),
    "blurred": ("a blurry photo of ", "blurry "),
    "sepia": ("a sepia photo of ", "an old vintage photo of "),
}
_BLURRED = (", blurry", ", low quality, blurry", ", out of focus")
_STYLE_SHARE = 0.02
_RIDING = (" riding ", " riding ", " on top of ", " riding on ")
_HELD_OUT_OF = 12  # one combination in so many is held out


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing in a scene.

    Attributes:
        thing: its name in `THINGS`.
        size: its longer side in pixels.
        x: where its middle is, in pixels from the left.
        y: how far it stands below the ground, or its middle below the middle of the picture where things float.
        turn: degrees, counterclockwise.
        flipped: left for right.
        colour: of `HUES`, or None for its own colours.
    """

    thing: str
    size: float
    x: float
    y: float = 0.0
    turn: float = 0.0
    flipped: bool = False
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture before it is painted, and its caption.

    Attributes:
        kind: one thing; two side by side; one riding the other; two to four of a kind.
        placed: the things, those behind first.
        background: a name in `PLACES` or `COLOURS`.
        caption: what a person would ask for to get this.
        seed: of the background's details.
        night: the place is painted at night.
        style: what is done to the whole picture.
    """

    kind: Kind
    placed: tuple[Placed, ...]
    background: str
    caption: str
    seed: int
    night: bool = False
    style: Style = ""

    @property
    def combinations(self) -> frozenset[str]:
        """What an evaluation may ask for and find held out."""
        first, last = self.placed[0], self.placed[-1]
        if self.kind == "pair":
            return frozenset({" and ".join(sorted((first.thing, last.thing)))})
        if self.kind == "riding":
            return frozenset({f"{last.thing} riding {first.thing}"})
        found = {f"{first.thing} at {self.background}"}
        if self.kind == "several":
            found = {f"{len(self.placed)} {first.thing}"}
        if first.colour:
            found.add(f"{first.colour} {first.thing}")
        return frozenset(found)


def held_out(combination: str) -> bool:
    """Whether no scene of the training set shows this combination ("fox at mars", "cat and owl", "blue dog")."""
    return crc32(combination.encode()) % _HELD_OUT_OF == 7


def draw_scene(random: Random, things: Mapping[str, Thing] = THINGS, *, holding_out: bool = True) -> Scene:
    """A scene by lot; one that shows a combination that is held out is drawn again, unless `holding_out` is off."""
    while True:
        scene = _draw(random, things)
        if not (holding_out and any(held_out(combination) for combination in scene.combinations)):
            return scene


def _draw(random: Random, things: Mapping[str, Thing]) -> Scene:
    background = random.choice(tuple(COLOURS)) if random.random() < 0.42 else random.choice(tuple(PLACES))
    night = background in PLACES and PLACES[background].night and random.random() < 0.18
    draw = random.choices((_single, _pair, _riding, _several), (0.52, 0.16, 0.15, 0.17))[0]
    kind, placed, words = draw(_Lot(random, list(things.values()), stands(background)))
    seed = random.getrandbits(32)
    style: Style = random.choice(tuple(_STYLES)) if random.random() < _STYLE_SHARE * len(_STYLES) else ""
    if style in {"grey", "sepia"} and (background in COLOURS or placed[0].colour):
        style = ""  # else the caption would name a colour that nobody sees
    caption = _caption(random, words, background, style, night=night)
    return Scene(kind, placed, background, caption, seed, night, style)


def stands(background: str) -> bool:
    """Whether things stand on a ground here, and do not float."""
    return background not in COLOURS and background not in {"space", "sea", "sky"}


@dataclass(frozen=True, slots=True)
class _Lot:
    """What a scene is drawn from."""

    random: Random
    things: Sequence[Thing]
    standing: bool

    def thing(self) -> Thing:
        return self.random.choice(self.things)


def _single(lot: _Lot) -> tuple[Kind, tuple[Placed, ...], str]:
    random = lot.random
    thing = lot.thing()
    colour = random.choice(tuple(HUES)) if thing.recolours and random.random() < 0.24 else None
    size, x, adjectives, where = random.uniform(78, 96), SIDE / 2 + random.uniform(-8, 8), "", ""
    chance = random.random()
    if chance < 0.08:
        size, adjectives = random.uniform(40, 50), random.choice(("small ", "small ", "tiny "))
    elif chance < 0.15:
        size, adjectives = random.uniform(108, 118), random.choice(("big ", "big ", "giant "))
    elif chance < 0.29:
        side = random.choice(("left", "right"))
        size, x = random.uniform(52, 64), random.uniform(32, 38) if side == "left" else random.uniform(90, 96)
        where = random.choice((f" on the {side}", f" on the {side}", f", {side}", f" on the {side} side"))
    if random.random() < 0.06:
        adjectives = f"cute {adjectives}"
    turn = random.uniform(-9, 9) if not lot.standing and random.random() < 0.3 else 0.0
    placed = Placed(thing.name, size, x, random.uniform(-4, 4), turn, random.random() < 0.2, colour)
    words = with_article(random.choice(thing.names), f"{adjectives}{colour or ''}".strip())
    if not (adjectives or colour or thing.paired) and random.random() < 0.05:
        words = f"one {thing.name}"
    return "single", (placed,), words + where


def _pair(lot: _Lot) -> tuple[Kind, tuple[Placed, ...], str]:
    random = lot.random
    left, right = random.sample(lot.things, 2)
    size, y = random.uniform(54, 62), random.uniform(-2, 2)
    placed = tuple(
        Placed(thing.name, size * random.uniform(0.95, 1.05), x + random.uniform(-4, 4), y)
        for thing, x in ((left, 34), (right, 94))
    )
    one, other = (with_article(random.choice(thing.names)) for thing in (left, right))
    words = random.choice(
        (
            f"{one} and {other}",
            f"{one} and {other}",
            f"{one} and {other}",
            f"{one} next to {other}",
            f"{one} with {other}",
            f"{one} on the left and {other} on the right",
            f"{other} and {one}",
        )
    )
    return "pair", placed, words


def _riding(lot: _Lot) -> tuple[Kind, tuple[Placed, ...], str]:
    random = lot.random
    rider = random.choice([thing for thing in lot.things if thing.rides])
    mount = random.choice([thing for thing in lot.things if thing.carries])
    size, x = random.uniform(74, 82), SIDE / 2 + random.uniform(-8, 8)
    below = Placed(mount.name, size, x, random.uniform(-1, 3))
    above = Placed(rider.name, random.uniform(46, 52), x + random.uniform(-2, 4))
    one, other = with_article(random.choice(rider.names)), with_article(random.choice(mount.names))
    return "riding", (below, above), f"{one}{random.choice(_RIDING)}{other}"


def _several(lot: _Lot) -> tuple[Kind, tuple[Placed, ...], str]:
    random = lot.random
    thing = random.choice([thing for thing in lot.things if not thing.paired])
    count = random.choice((2, 2, 3, 3, 4))
    colour = random.choice(tuple(HUES)) if thing.recolours and random.random() < 0.1 else None
    flipped = random.random() < 0.15
    spots: Sequence[tuple[float, float]]
    if lot.standing:
        size = (58, 44, 40)[count - 2]
        spots = (
            ((34, 0), (94, 0)),
            ((24, -6), (64, 4), (104, -6)),
            ((36, -36), (92, -36), (32, 4), (96, 4)),
        )[count - 2]
    else:
        size = (58, 52, 50)[count - 2]
        spots = (
            ((34, 0), (94, 0)),
            ((32, 22), (96, 22), (64, -26)),
            ((34, -29), (94, -29), (34, 29), (94, 29)),
        )[count - 2]
    scale = random.uniform(0.95, 1.04)
    placed = tuple(
        Placed(
            thing.name,
            size * scale,
            x + random.uniform(-3, 3),
            y + random.uniform(-3, 3),
            flipped=flipped,
            colour=colour,
        )
        for x, y in spots
    )
    return "several", placed, f"{NUMBERS[count - 1]} {colour + ' ' if colour else ''}{thing.plural}"


def with_article(name: str, adjectives: str = "") -> str:
    """As in "a cat", "an owl", "a blue owl"; names in the plural stand alone."""
    words = f"{adjectives} {name}".strip()
    if name in THINGS and THINGS[name].paired:
        return words
    vowel = words[0] in "aeiou" and not words.startswith(("uni", "ufo", "one"))
    return f"{'an' if vowel else 'a'} {words}"


def background_words(background: str, random: Random, *, night: bool = False) -> str:
    """How a caption ends: " in the snow", " on a blue background", ", blue background"."""
    if background in COLOURS:
        return random.choice(
            (
                f" on a {background} background",
                f" on a {background} background",
                f" with a {background} background",
                f", {background} background",
                f" in front of a {background} wall",
            )
        )
    words = random.choice(PLACES[background].words)
    return f" {words} at night" if night else f" {words}"


def _caption(random: Random, words: str, background: str, style: Style, *, night: bool) -> str:
    before = random.choice(BEFORE) if random.random() < 0.45 else ""
    after = random.choice(AFTER) if random.random() < 0.45 else ""
    where = background_words(background, random, night=night)
    if style:
        before, after = random.choice(_STYLES[style]), random.choice(_BLURRED) if style == "blurred" else ""
    elif random.random() < 0.08:
        where = ""  # people leave the background out, and take what comes
    elif random.random() < 0.05:
        return f"{where.strip(' ,')}, {words}{after}"
    return f"{before}{words}{where}{after}"
