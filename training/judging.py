"""The judge on disk: its weights in half precision, and how wide its layers are."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from training.classifier import Judge
from training.config import Classifier
from training.export import latest, part

SHIPPED_JUDGE = Path(__file__).parent / "judge.safetensors"


def freeze(settings: Classifier, run: Path) -> Path:
    """Writes the judge that the run has trained."""
    path = run / "judge.safetensors"
    weights = part(latest(run / "classifier"), "model")
    kept = {name: value.half().contiguous() for name, value in weights.items() if value.is_floating_point()}
    save_file(kept, path, {"channels": json.dumps(settings.channels)})
    path.chmod(0o644)
    return path


def read_judge(path: Path) -> Judge:
    """A judge that `freeze` wrote, ready to look at pictures."""
    with safe_open(path, "pt") as file:
        judge = Judge(json.loads(file.metadata()["channels"]))
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  # no mapping
    missing, unknown = judge.load_state_dict(weights, strict=False)
    if unknown or any(not name.endswith("num_batches_tracked") for name in missing):
        raise ValueError(f"{path} is another kind of judge: {[*unknown, *missing][:3]}")
    return judge.eval()


def judge_of(run: Path) -> Path:
    """The run's own judge where it trained one, else the one that comes with the code."""
    own = run / "judge.safetensors"
    return own if own.is_file() else SHIPPED_JUDGE
