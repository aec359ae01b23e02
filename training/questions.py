"""What the evaluation asks for: held-out combinations, in plain words, and what a good answer shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from training.backgrounds import PLACES
from training.scenes import Kind, background_words, held_out, with_article
from training.vocabulary import COLOURS, HUES, NUMBERS, THINGS


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt and what its picture must show; what is None or empty is not asked."""

    prompt: str
    things: tuple[str, ...]
    background: str | None = None
    count: int | None = None
    colour: str | None = None


# Objects and backgrounds are asked for by the same prompts.
ROWS = ("object", "background", "colour", "count", "two objects", "riding")


def questions(row: str, number: int, seed: int = 0) -> Sequence[Question]:
    """`number` questions of one row, by lot from all that are held out; always the same."""
    kind = "object" if row == "background" else row
    drawn = _ALL[kind](Random(f"{seed} {kind}"))
    return Random(f"{seed} {kind} order").sample(drawn, min(number, len(drawn)))


def _backgrounds() -> tuple[str, ...]:
    return (*PLACES, *COLOURS)


def _single(random: Random) -> list[Question]:
    return [
        Question(f"{with_article(thing)}{background_words(background, random)}", (thing,), background)
        for thing, background in product(THINGS, _backgrounds())
        if held_out(f"{thing} at {background}")
    ]


def _colour(random: Random) -> list[Question]:
    found = []
    for thing, colour in product(THINGS, HUES):
        if THINGS[thing].recolours and held_out(f"{colour} {thing}"):
            background = random.choice(
                [name for name in ("white", "gray", "black", "yellow", "blue") if name != colour]
            )
            words = f"{with_article(thing, colour)}{background_words(background, random)}"
            found.append(Question(words, (thing,), background, 1, colour))
    return found


def _count(random: Random) -> list[Question]:
    found = []
    for thing, count in product(THINGS, range(1, 5)):
        # Every thing is seen alone, so a count of one is never held out; it is asked for all the same.
        if not THINGS[thing].paired and held_out(f"{count} {thing}"):
            background = random.choice(_backgrounds())
            many = with_article(thing) if count == 1 else f"{NUMBERS[count - 1]} {THINGS[thing].plural}"
            words = f"{many}{background_words(background, random)}"
            found.append(Question(words, (thing,), background, count))
    return found


def _pairs(kind: Kind) -> list[tuple[str, str]]:
    if kind == "pair":
        names = sorted(THINGS)
        return [
            (one, two) for one, two in product(names, names) if one < two and held_out(f"{one} and {two}")
        ]
    riders = [thing.name for thing in THINGS.values() if thing.rides]
    mounts = [thing.name for thing in THINGS.values() if thing.carries]
    return [(one, two) for one, two in product(riders, mounts) if held_out(f"{one} riding {two}")]


def _two(random: Random) -> list[Question]:
    return [_joined(pair, "and", random) for pair in _pairs("pair")]


def _riding(random: Random) -> list[Question]:
    return [_joined(pair, "riding", random) for pair in _pairs("riding")]


def _joined(pair: tuple[str, str], word: str, random: Random) -> Question:
    background = random.choice(_backgrounds())
    one, two = map(with_article, pair)
    return Question(f"{one} {word} {two}{background_words(background, random)}", pair, background)


_ALL = {
    "object": _single,
    "colour": _colour,
    "count": _count,
    "two objects": _two,
    "riding": _riding,
}

# What people look at: 64 prompts, of every kind and in users' own words.
SHEET: Mapping[str, Sequence[str]] = {
    "compositions": (
        "an astronaut riding a horse on mars",
        "a fox and an owl in a forest at night",
        "three strawberries on a pink background",
        "a blue dog",
        "a teddy bear riding a bicycle on a beach",
        "a wizard riding a whale in the sky",
        "a penguin riding a motorcycle in the snow",
        "a cat riding a rocket in space",
        "a robot riding a dinosaur in the desert",
        "a frog on top of a turtle under the sea",
        "a house and a tree in the countryside",
        "a castle and a dragon at sunset",
        "a princess next to a unicorn in a green meadow",
        "a burger and an ice cream on a yellow background",
        "two penguins in the snow",
        "four apples on a white background",
    ),
    "animals": (
        "a cat on a blue background",
        "a dog in a meadow",
        "a horse on a beach",
        "a unicorn among clouds",
        "a cow in a green field",
        "a pink pig",
        "an elephant in the desert",
        "a lion, orange background",
        "a panda in a forest",
        "a rabbit in the snow",
        "a giraffe at sunset",
        "a zebra on the grass",
        "a whale in the ocean",
        "an octopus under the sea",
        "a butterfly on a purple background",
        "a flamingo by the sea",
    ),
    "things and places": (
        "a rocket on the moon",
        "a castle in a green meadow",
        "a sailboat at sunset",
        "a red car in the city at night",
        "a steam train in the snow",
        "an airplane in the sky",
        "a bicycle on a teal background",
        "a volcano at night",
        "a snowman in winter",
        "a pumpkin in the woods at night",
        "a guitar on a red background",
        "a crown on a black background",
        "a heart, white background",
        "an umbrella on the beach",
        "a pizza on a green background",
        "a birthday cake on a pink background",
    ),
    "words": (
        "a small dinosaur in the desert",
        "a giant strawberry on the moon",
        "a horse on the left on a yellow background",
        "a cute pink elephant on the moon",
        "pixel art of a robot in the city at night",
        "a black and white photo of an owl in a forest",
        "a sepia photo of a motorcycle",
        "a green cat on a white background",
        "a purple castle in the snow",
        "a photo of an alien on mars, highly detailed",
        "a ghost in the city at night, cinematic lighting",
        "puppy on the grass",
        "bunny and tortoise, white background",
        "spaceman on the moon, digital art",
        "a pair of cats",
        "Santa in the Snow!",
    ),
}
