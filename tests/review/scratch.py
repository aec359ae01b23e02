"""A scratch git repository with recipes of arithmetic nodes, and a session to run them."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sdflow.composing import compose_file
from sdflow.engine.events import Event, NodeStarted
from sdflow.recipe import Changes
from sdflow.review.asked import Asked, asked
from sdflow.review.compare import RecipeDiff
from sdflow.review.differences import differences
from sdflow.workflow import RunResult, Session, Settings
from tests.cli.conftest import REGISTRY

Recipe = dict[str, Any]


class Scratch:
    """The repository, and everything that a person would do in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.root.mkdir()
        self.cache = folder / "cache"
        self.session = self.fresh("cache")
        self.git("init", "-q", "-b", "main")

    def fresh(self, cache: str) -> Session:
        """A session with a store of its own."""
        return Session(Settings(device="cpu", cache=self.root.parent / cache), REGISTRY)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, recipe: Recipe | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = recipe if isinstance(recipe, str) else yaml.safe_dump({"sdflow": 1, **recipe}, sort_keys=False)
        path.write_text(text)
        return path

    def commit(self, files: Mapping[str, Recipe | str | None]) -> str:
        for name, recipe in files.items():
            if recipe is None:
                (self.root / name).unlink()
            else:
                self.write(name, recipe)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def run(self, name: str, session: Session | None = None) -> tuple[RunResult, set[str]]:
        """Run a recipe of the working tree: what came out, and which nodes ran."""
        events: list[Event] = []
        chosen = session or self.session
        composition = compose_file(self.root / name, Changes(), REGISTRY)
        result = chosen.run(composition, out=self.root.parent / "out", listener=events.append)
        assert not result.failed
        return result, {event.node for event in events if isinstance(event, NodeStarted)}

    @contextmanager
    def asked(self, *arguments: str) -> Iterator[Asked]:
        with asked(arguments, self.root) as found:
            yield found

    def diff(self, *arguments: str, store: bool = True) -> dict[str, RecipeDiff]:
        """The comparisons by the name of the recipe now."""
        with self.asked(*arguments) as found:
            return {it.name or it.was: it for it in differences(self.session, found, store=store)}


def runs(it: RecipeDiff | None) -> set[str]:
    """The nodes that a comparison says run."""
    return set() if it is None else {run.node for run in it.runs}
