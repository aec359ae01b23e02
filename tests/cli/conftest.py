"""A command line in a folder of its own, whose recipes may use the arithmetic nodes: no model, no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sdflow.cli.main import run
from sdflow.graph.facts import Facts
from sdflow.graph.fields import ImageFile
from sdflow.graph.node import Node, RunContext
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.nodes.builtin import BUILT_IN
from sdflow.problems import NodeFailedError
from sdflow.values import Image, ImageSpec, Mask, MaskSpec
from tests.graph.arithmetic import Add, Make, pixel

SUM = """\
sdflow: 1
name: sum
params:
  first: {type: int, default: 1, min: 0, description: The first number.}
  second: 2
nodes:
  one: {type: make, value: $params.first}
  two: {type: make, value: $params.second}
  sum: {type: add, of: [$one, $two]}
  top: {type: add, of: [$sum], plus: 10}
outputs:
  "{name}-{params.first}.png": $top
"""
"""
one ──▶ sum ──▶ top ──▶ a file
two ──▶ sum
"""


class Fail(Node, type="fail", version=1):
    """Fail when it runs."""

    outputs = {"image": "Image"}

    of: Input[Image]
    bug: bool = False

    def infer(self, facts: Facts, of: ImageSpec) -> Mapping[str, ImageSpec]:
        return {"image": of}

    def run(self, ctx: RunContext, of: Image) -> Image:
        if self.bug:
            raise ZeroDivisionError("of my own making")
        raise NodeFailedError("it does not work", hint="try another one")


class Measure(Node, type="measure", version=1):
    """The width of a picture, as a number."""

    outputs = {"image": "Image"}

    path: ImageFile

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        from sdflow.pictures.read import read

        return pixel(read(Path(ctx.file(self.path))).pixels.shape[2])


class Flag(Node, type="flag", version=1):
    """Hand a picture on, and keep it out of files."""

    outputs = {"image": "Image", "flagged": "Mask"}

    of: Input[Image]

    @property
    def withholds(self) -> str:
        return "flagged"

    def infer(self, facts: Facts, of: ImageSpec) -> Mapping[str, ImageSpec | MaskSpec]:
        return {"image": of, "flagged": MaskSpec(1, 1, 1)}

    def run(self, ctx: RunContext, of: Image) -> Mapping[str, Image | Mask]:
        return {"image": of, "flagged": Mask(np.full((1, 1, 1), 255, dtype=np.uint8))}


REGISTRY = Registry((Make, Add, Fail, Measure, Flag), named=BUILT_IN)


@dataclass(frozen=True)
class Answer:
    """What a command line said."""

    code: int
    out: str
    err: str


Sdflow = Callable[..., Answer]


@pytest.fixture
def sdflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Sdflow:
    """Runs a command line in a fresh folder with a fresh cache; `sum.yaml` is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sdflow.workflow.default_registry", lambda: REGISTRY)
    monkeypatch.setattr("sdflow.nodes.builtin.default_registry", lambda: REGISTRY)
    (tmp_path / "sum.yaml").write_text(SUM)

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return call
