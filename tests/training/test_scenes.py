from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.training.artwork import draw_artwork
from training.artist import Artist
from training.backgrounds import BACKGROUNDS, PLACES, paint_place
from training.classifier import KINDS, TINTS, Seen, labels
from training.evaluate import right
from training.questions import ROWS, SHEET, Question, questions
from training.scenes import Placed, Scene, draw_scene, held_out, with_article
from training.vocabulary import COLOURS, THINGS


@pytest.fixture(scope="module")
def artist(tmp_path_factory: pytest.TempPathFactory) -> Artist:
    return Artist(draw_artwork(tmp_path_factory.mktemp("drawings") / "assets"))


def drawn(count: int, seed: int = 0) -> list[Scene]:
    random = Random(seed)
    return [draw_scene(random) for _ in range(count)]


def test_a_scene_is_drawn_again_from_its_seed_and_rendered_again_to_the_bit(artist: Artist) -> None:
    first, second = drawn(30), drawn(30)
    assert first == second
    for scene in first[:10]:
        picture = artist.render(scene)
        assert picture.shape == (128, 128, 3)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, artist.render(scene))


def test_what_is_held_out_is_never_drawn() -> None:
    shown = {combination for scene in drawn(3_000) for combination in scene.combinations}
    assert not [combination for combination in shown if held_out(combination)]
    random = Random(0)
    free = [draw_scene(random, holding_out=False) for _ in range(3_000)]
    assert any(held_out(combination) for scene in free for combination in scene.combinations)


def test_every_question_asks_for_what_is_held_out_and_names_it() -> None:
    for row in ROWS:
        asked = questions(row, 40)
        assert len(asked) >= 15
        assert asked == questions(row, 40)
        for question in asked:
            for thing in question.things:
                assert thing in question.prompt or THINGS[thing].plural in question.prompt
    assert all(held_out(f"{q.things[0]} at {q.background}") for q in questions("object", 40))
    assert all(held_out(f"{q.count} {q.things[0]}") for q in questions("count", 40))
    assert all(held_out(f"{q.colour} {q.things[0]}") for q in questions("colour", 40))
    assert all(held_out(" riding ".join(q.things)) for q in questions("riding", 40))


def test_the_sheet_has_sixty_four_prompts() -> None:
    prompts = [prompt for group in SHEET.values() for prompt in group]
    assert len(prompts) == len(set(prompts)) == 64


def test_a_caption_says_what_the_picture_shows() -> None:
    for scene in drawn(400):
        things = {placed.thing for placed in scene.placed}
        for thing in things:
            names = (*THINGS[thing].names, THINGS[thing].plural)
            assert any(name in scene.caption for name in names), scene.caption
        colour = scene.placed[0].colour
        assert colour is None or colour in scene.caption
        if scene.kind == "several":
            assert ("two", "three", "four")[len(scene.placed) - 2] in scene.caption


def test_things_stand_where_the_caption_has_them(artist: Artist) -> None:
    left = Scene("single", (Placed("cat", 60, 34),), "white", "a cat on the left", 1)
    right = Scene("single", (Placed("cat", 60, 94),), "white", "a cat on the right", 1)
    bare = Scene("single", (Placed("cat", 2, 64),), "white", "", 1)
    away = [np.abs(artist.render(scene).astype(int) - artist.render(bare)).sum(2) for scene in (left, right)]
    assert away[0][:, :64].sum() > 20 * away[0][:, 64:].sum()
    assert away[1][:, 64:].sum() > 20 * away[1][:, :64].sum()


def test_backgrounds_differ_and_night_is_dark() -> None:
    day, _ = paint_place("forest", Random(3))
    night, _ = paint_place("forest", Random(3), night=True)
    assert np.asarray(night).mean() < 0.5 * np.asarray(day).mean()
    assert len(BACKGROUNDS) == len(PLACES) + len(COLOURS)
    means = {
        name: np.asarray(paint_place(name, Random(3))[0]).mean((0, 1)).round().tobytes() for name in PLACES
    }
    assert len(set(means.values())) == len(PLACES)


def test_labels_are_those_of_the_scene() -> None:
    scene = Scene("several", (Placed("cat", 40, 30), Placed("cat", 40, 90)), "snow", "two cats", 1)
    told = labels([scene])
    assert told["objects"][0].nonzero().flatten().tolist() == [list(THINGS).index("cat")]
    assert (told["count"].item(), told["background"].item()) == (1, BACKGROUNDS.index("snow"))
    assert told["kind"].item() == KINDS.index("several")
    assert told["colour"].item() == TINTS.index("own")
    grey = Scene("single", (Placed("cat", 40, 30),), "snow", "a grey cat", 1, style="grey")
    assert labels([grey])["colour"].item() == -1


@pytest.mark.parametrize(
    ("row", "question", "seen", "told"),
    [
        ("object", Question("", ("cat",)), Seen(("cat", "dog"), "single", "snow", 1, "own"), True),
        ("object", Question("", ("cat",)), Seen(("dog", "cat"), "single", "snow", 1, "own"), False),
        (
            "background",
            Question("", ("cat",), "snow"),
            Seen(("dog", "cat"), "single", "snow", 1, "own"),
            True,
        ),
        (
            "background",
            Question("", ("cat",), "mars"),
            Seen(("cat", "dog"), "single", "snow", 1, "own"),
            False,
        ),
        ("count", Question("", ("cat",), "snow", 2), Seen(("cat", "dog"), "several", "snow", 2, "own"), True),
        (
            "count",
            Question("", ("cat",), "snow", 3),
            Seen(("cat", "dog"), "several", "snow", 2, "own"),
            False,
        ),
        (
            "colour",
            Question("", ("cat",), None, 1, "blue"),
            Seen(("cat", "dog"), "single", "snow", 1, "blue"),
            True,
        ),
        (
            "colour",
            Question("", ("cat",), None, 1, "red"),
            Seen(("cat", "dog"), "single", "snow", 1, "blue"),
            False,
        ),
        ("two objects", Question("", ("cat", "dog")), Seen(("dog", "cat"), "pair", "snow", 2, "own"), True),
        ("two objects", Question("", ("cat", "dog")), Seen(("dog", "owl"), "pair", "snow", 2, "own"), False),
        ("riding", Question("", ("cat", "pig")), Seen(("pig", "cat"), "riding", "snow", 2, "own"), True),
        ("riding", Question("", ("cat", "pig")), Seen(("pig", "cat"), "pair", "snow", 2, "own"), False),
    ],
)
def test_what_counts_as_right(row: str, question: Question, seen: Seen, told: bool) -> None:
    assert right(row, question, seen) is told


@pytest.mark.parametrize(
    ("name", "adjectives", "said"),
    [
        ("cat", "", "a cat"),
        ("owl", "", "an owl"),
        ("owl", "blue", "a blue owl"),
        ("unicorn", "", "a unicorn"),
        ("ufo", "", "a ufo"),
        ("cat", "orange", "an orange cat"),
        ("cherries", "", "cherries"),
    ],
)
def test_articles(name: str, adjectives: str, said: str) -> None:
    assert with_article(name, adjectives) == said


def test_a_drawing_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = draw_artwork(tmp_path / "assets")
    (folder / "1f408.webp").unlink()
    with pytest.raises(FileNotFoundError, match="cat"):
        Artist(folder)
