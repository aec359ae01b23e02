"""Node types from elsewhere: an installed package adds them with an entry point, and with nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from sdflow.graph.registry import Registry
from tests.graph.arithmetic import Add, Make

_MODULE = '''
from sdflow.graph.node import Node
from sdflow.values import Image, ImageSpec


class Blank(Node, type="blank", version=1):
    """A picture of one colour."""

    outputs = {"image": "Image"}

    value: int = 7

    def infer(self, facts):
        return {"image": ImageSpec(1, 4, 4)}

    def run(self, ctx):
        import numpy as np

        return Image(np.full((1, 4, 4, 3), self.value, dtype=np.uint8))


not_a_node = 3
'''
_RECIPE = "sdflow: 1\nnodes:\n  a: {type: blank, value: 9}\noutputs:\n  a.png: $a\n"


def install(folder: Path, target: str) -> None:
    """What pip leaves behind for a package with one entry point."""
    (folder / "blank_nodes.py").write_text(_MODULE)
    about = folder / "blank_nodes-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: blank-nodes\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[sdflow.nodes]\nblank = blank_nodes:{target}\n")


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = "import sys; sys.path.insert(0, sys.argv[1]); from sdflow.cli.main import run; exit(run(sys.argv[2:]))"
    command = [sys.executable, "-c", program, str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_package_adds_a_node_type(tmp_path: Path) -> None:
    install(tmp_path, "Blank")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(_RECIPE)
    options = ["--cache", str(tmp_path / "cache"), "-o", str(tmp_path / "out"), "--device", "cpu"]
    done = run(tmp_path, "run", str(recipe), *options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a.png").exists()
    assert "A picture of one colour" in run(tmp_path, "nodes").stdout


@pytest.mark.parametrize(
    ("target", "said"), [("not_a_node", "is not a node type"), ("gone", "cannot be loaded")]
)
def test_an_entry_point_that_is_no_node_type_is_named(tmp_path: Path, target: str, said: str) -> None:
    install(tmp_path, target)
    done = run(tmp_path, "nodes")
    assert done.returncode == 2
    assert "SDF216 entry point blank (of blank-nodes)" in done.stderr
    assert said in done.stderr


def test_two_types_of_one_name_are_refused() -> None:
    class Other(Make, type="make", version=2):
        """Another one."""

    with pytest.raises(ValueError, match="two node types are called make"):
        Registry((Make, Add, Other))
