"""Planning imports neither torch nor the model libraries; the loop imports no transformers."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "numpy", "scipy", "torchsde", "tokenizers")

PLANNING = """
from sdflow.diffusion.samplers import *
from sdflow.values import NOISE
config = {"_class_name": "PNDMScheduler", "skip_prk_steps": True}
part = step_range(canonical("DPM++ 2M Karras"), config, level=NOISE, steps=25)
evaluations(None, config, part)
level_after(canonical("euler"), config, part, NOISE)
missing_requirements(canonical("dpm++-sde-beta"))
"""


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import sdflow.diffusion.samplers",
        "import sdflow.diffusion.tokens",
        PLANNING,
    ],
)
def test_planning_imports_nothing_heavy(code: str) -> None:
    assert not imported_by(code) & set(HEAVY)


def test_counting_tokens_imports_only_the_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> None:
    from sdflow.models.tiny_tokenizer import END, write_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, pad=END)
    code = (
        "from pathlib import Path\nfrom sdflow.diffusion.tokens import vocabulary_of\n"
        f"assert len(vocabulary_of(Path({str(folder)!r})).tokenize('a horse').ids) == 2"
    )
    assert not imported_by(code) & (set(HEAVY) - {"tokenizers", "numpy"})


def test_the_loop_needs_no_transformers() -> None:
    code = """
from importlib.machinery import PathFinder
class OnAMachineWithLess(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = ("transformers", "accelerate", "peft", "tokenizers", "scipy", "torchsde")
        return None if name.partition(".")[0] in absent else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = OnAMachineWithLess
from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.samplers.scheduler import make_scheduler
make_scheduler(None, {"_class_name": "PNDMScheduler", "skip_prk_steps": True})
import diffusers
diffusers.UNet2DConditionModel
"""
    assert "transformers" not in imported_by(code)
