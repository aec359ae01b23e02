"""Pages as a browser shows them: their pictures are there, nothing is fetched, nothing is cut off, light and dark."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.cli.reporting import run_reported
from sdflow.composing import compose_file
from sdflow.composition import Composition
from sdflow.engine.events import Event, Listener
from sdflow.golden.frames import to_png
from sdflow.pages.golden import Figure, OutputCard, RecipeSection, golden_page
from sdflow.recipe import Changes
from sdflow.workflow import RunResult, Session, Settings
from tests.cli.conftest import REGISTRY, SUM
from tests.pages.chromium import Chromium, chromium

EVIL = "<script>document.title='taken'</script><img src=https://example.org/x.png onerror=alert(1)>\"'&"
LONG = "a-very-long-name-without-any-place-to-break-it-" * 4


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as found:
        yield found


def nobody(event: Event) -> None:
    pass


def png(colour: int) -> bytes:
    return to_png(np.full((1, 24, 24, 3), colour, dtype=np.uint8))


def goldens(folder: Path) -> str:
    figures = (Figure("reference", png(90)), Figure("result", png(120)), Figure("difference", png(255)))
    cards = (
        OutputCard(f"{LONG}.png", passed=True, words=("by digest: the same digest",), figures=figures),
        OutputCard(EVIL, passed=False, words=(EVIL, LONG), figures=figures),
    )
    section = RecipeSection(EVIL, f"-p prompt={EVIL}", (EVIL,), (EVIL,), cards)
    return golden_page([section], "sdflow 1.0, today")


def report(folder: Path) -> str:
    """The page of a run of three cells, of which one was kept; one node fails in all of them."""
    more = f"description: {json.dumps(EVIL)}\nparams:"
    text = SUM.replace("params:", more)
    text = (
        text.replace("nodes:", "nodes:\n  bad: {type: fail, of: $one}") + '  "bad-{params.first}.png": $bad\n'
    )
    text = text.replace("value: $params.second", f"value: $params.second, note: {json.dumps(EVIL)}")
    recipe = folder / "sum.yaml"
    recipe.write_text(text, encoding="utf-8")
    session = Session(Settings(device="cpu", cache=folder / "cache"), REGISTRY)
    for axis in ("first=1", "first=1,2,3"):
        composition = compose_file(recipe, Changes(axes=(axis,)), session.registry)

        def run(listener: Listener, composition: Composition = composition) -> RunResult:
            return session.run(composition, keep_going=True, listener=listener)

        run_reported(session, folder / "made.html", "sdflow run", nobody, run)
    return (folder / "made.html").read_text(encoding="utf-8")


PAGES: Mapping[str, tuple[Callable[[Path], str], int]] = {"golden": (goldens, 90), "report": (report, 13)}
"""How each page is made, and how bright its first picture is."""


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    file = folder / f"{request.param}.html"
    file.write_text(PAGES[request.param][0](folder), encoding="utf-8")
    return file


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280], ids=["phone", "desktop"])
def test_pictures_load_and_nothing_is_fetched(browser: Chromium, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    asked = [address for address in browser.asked if not address.startswith("data:")]
    assert asked == [page.resolve().as_uri()]
    assert browser.value("document.images.length") >= 3
    assert browser.value("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    assert browser.said == []
    assert middle_of_the_first_picture(browser) == [PAGES[page.stem][1]] * 3
    assert browser.value("document.documentElement.scrollWidth") <= width
    channels = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(channels) < 60) is dark
    assert (min(channels) > 200) is not dark


def middle_of_the_first_picture(browser: Chromium) -> list[int]:
    """What is really to be seen there."""
    box = browser.value(
        "(it => [it.x + it.width / 2, it.y + it.height / 2])(document.images[0].getBoundingClientRect())"
    )
    shot = Pillow.open(io.BytesIO(browser.screenshot())).convert("RGB")
    return list(shot.crop((int(box[0]), int(box[1]), int(box[0]) + 1, int(box[1]) + 1)).tobytes())


def test_texts_stay_texts(browser: Chromium, page: Path) -> None:
    browser.open(page, width=1280)
    assert browser.value("document.scripts.length") == 0
    assert browser.value("document.title") != "taken"
    assert browser.value("[...document.images].every(it => it.src.startsWith('data:'))")
    assert EVIL in browser.value("document.body.textContent")


def test_a_page_that_fetched_something_would_be_found_out(browser: Chromium, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text('<img src="missing.png"><script>console.log("here")</script>')
    browser.open(file, width=360)
    assert any(address.endswith("missing.png") for address in browser.asked)
    assert not browser.value("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    assert browser.said
