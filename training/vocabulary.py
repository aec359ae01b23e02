"""What toybox knows: objects, colours, numbers, and the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that can stand in a scene.

    Attributes:
        names: what it is called, each drawn as often as it stands here; the first is its name in tables.
        emoji: the character whose artwork shows it.
        plural: of the first name.
        recolours: whether "a blue …" may be drawn by turning its hue.
        rides: it may sit on something.
        carries: something may sit on it.
        paired: its artwork shows two of them, so that they are not counted.
    """

    names: tuple[str, ...]
    emoji: str
    plural: str
    recolours: bool = True
    rides: bool = False
    carries: bool = False
    paired: bool = False

    @property
    def name(self) -> str:
        """The name in tables."""
        return self.names[0]


def _things(text: str) -> dict[str, Thing]:
    """One thing a line: names by `|`, the emoji, a plural if it is no plain `s`, and marks: `!^_&`, see below."""
    things: dict[str, Thing] = {}
    for line in text.strip().splitlines():
        names, emoji, *rest = line.split("  ")
        marks = rest[-1] if rest and set(rest[-1]) <= set("!^_&") else ""
        words = tuple(names.strip().split("|"))
        plural = rest[0] if rest and rest[0] != marks else f"{words[0]}s"
        things[words[0]] = Thing(
            words, emoji.strip(), plural, "!" not in marks, "^" in marks, "_" in marks, "&" in marks
        )
    return things


# `^` may ride, `_` may be ridden, `!` keeps its own colours, `&` shows two of them.
THINGS: Mapping[str, Thing] = _things("""
cat|kitten|cat  🐈  ^
dog|puppy|dog  🐕  ^
horse|pony|horse  🐎  _
unicorn  🦄
cow  🐄  _
pig|piglet|pig  🐖  _
elephant  🐘  _
lion  🦁
fox  🦊  foxes  ^
panda  🐼  ^
rabbit|bunny  🐇
monkey  🐒  ^
owl  🦉  ^
frog  🐸  ^
penguin  🐧  ^
duck  🦆
chicken|hen  🐔  ^
flamingo  🦩
whale  🐳  _
fish|tropical fish  🐠  fish
octopus  🐙  octopuses
turtle|tortoise  🐢  _
snail  🐌  _
dinosaur|sauropod  🦕  _
dragon  🐉
butterfly  🦋  butterflies
ladybug|ladybird  🐞
giraffe  🦒
zebra  🦓  _
tree|oak tree  🌳
palm tree|palm  🌴
cactus  🌵  cacti
rose  🌹
sunflower  🌻
mushroom|toadstool  🍄
apple  🍎
banana  🍌
watermelon  🍉
strawberry  🍓  strawberries
cherries|cherry  🍒  cherries  &
pineapple  🍍
pizza|slice of pizza  🍕
burger|hamburger  🍔
donut|doughnut  🍩
cake|birthday cake  🎂
ice cream  🍦
car  🚗  _
bus  🚌  buses
bicycle|bike  🚲  _
motorcycle|motorbike  🏍️  _
train|steam train|locomotive  🚂
airplane|plane  ✈️
rocket|spaceship  🚀  _
ufo|flying saucer  🛸  !
sailboat|sailing boat|boat  ⛵
balloon  🎈
house|cottage  🏠
castle  🏰
tent  ⛺
volcano  🌋  volcanoes
sun|smiling sun  🌞
moon|crescent moon  🌙
star  ⭐
rainbow  🌈  !
snowman  ⛄  snowmen  ^
astronaut|spaceman|astronaut  🧑‍🚀  ^
robot  🤖  ^
alien  👽  ^
ghost  👻  ^
pumpkin|jack o lantern  🎃
teddy bear|teddy  🧸  ^
wizard  🧙  ^
princess  👸  princesses  ^
santa|santa claus  🎅  santas  ^
guitar  🎸
crown  👑
heart  ❤️
umbrella  ☂️
gift|present  🎁
soccer ball|football  ⚽
clock|alarm clock  ⏰
diamond|gem  💎
""")

# Pure colours of plain backgrounds, in sRGB.
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 40, 48),
    "orange": (245, 140, 40),
    "yellow": (250, 214, 60),
    "green": (70, 170, 80),
    "blue": (50, 110, 220),
    "purple": (130, 70, 190),
    "pink": (248, 150, 190),
    "white": (246, 246, 246),
    "black": (22, 22, 26),
    "gray": (140, 142, 148),
    "teal": (40, 170, 170),
    "brown": (130, 85, 50),
}

# Hues of objects that are drawn in another colour than their own, in degrees.
HUES: Mapping[str, float] = {
    "red": 0,
    "orange": 26,
    "yellow": 50,
    "green": 125,
    "blue": 215,
    "purple": 275,
    "pink": 325,
}

NUMBERS = ("one", "two", "three", "four")

# Words that people write around a prompt; drawn into captions, and given tokens of their own.
BEFORE = (
    "a photo of ",
    "a picture of ",
    "a 3d render of ",
    "an illustration of ",
    "a painting of ",
    "an image of ",
    "a drawing of ",
    "digital art of ",
    "there is ",
)
AFTER = (
    ", 3d render",
    ", cute",
    ", high quality",
    ", highly detailed",
    ", masterpiece",
    ", digital art",
    ", soft lighting",
    ", 4k",
    ", best quality, sharp",
    ", cinematic lighting",
    ", trending on artstation",
)
COMMON = (
    "photograph portrait sketch render art artstation trending detailed ugly bad blurry low worst watermark text "
    "deformed beautiful realistic cinematic light lighting dramatic colorful style inside garden sea water oil "
    "watercolor anime cartoon morning evening above below wearing holding standing sitting flying running sleeping "
    "eating playing happy sad old new very many some no not without she he it they is are"
).split()
