import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.multiprocessing.spawn import spawn

from tests.training.lines import Line, five_steps
from training.chance import Chance
from training.fit import Job, free_port, train
from training.muon import optimizers
from training.settings import Fit

SHORT = Fit(minutes=0.05, learning_rate=1e-2, muon_rate=1e-2, warmup=5, decay=0.5, average=0.9)


def error_of(weights: dict[str, torch.Tensor]) -> float:
    line = Line()
    line.load_state_dict(weights)
    given, wanted = line.batch(Chance.of(9, torch.device("cpu")), 1.0)
    return float(line(given, wanted)[0].detach())


@pytest.mark.parametrize("processes", [1, 2])
def test_it_learns_and_is_not_done_twice(tmp_path: Path, processes: int) -> None:
    before = error_of(Line().state_dict())
    weights = dict(train(Line, SHORT, tmp_path, seed=1, processes=processes))
    assert error_of(weights) < 0.05 * before
    stamp = (tmp_path / "trained.pt").stat().st_mtime_ns
    train(Line, SHORT, tmp_path, seed=1, processes=processes)
    assert (tmp_path / "trained.pt").stat().st_mtime_ns == stamp


def test_stopped_it_keeps_a_checkpoint_and_goes_on_from_it(tmp_path: Path) -> None:
    text = (
        "from pathlib import Path; from training.fit import train; from training.settings import Fit; "
        "from tests.training.lines import Telling; import sys; "
        "train(Telling, Fit(minutes=5, learning_rate=1e-2, muon_rate=1e-2), Path(sys.argv[1]), seed=1, processes=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], cwd=Path(__file__).parents[2])
    while not (tmp_path / "begun").exists():
        assert process.poll() is None, "it ended before it began"
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["step"] > 0
    assert not (tmp_path / "trained.pt").exists()
    assert not list(tmp_path.glob("*.writing"))

    no_longer = SHORT.model_copy(update={"minutes": kept["elapsed"] / 60})
    averaged = train(Line, no_longer, tmp_path, seed=1, processes=1)
    again = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(torch.equal(again["weights"][name], value) for name, value in kept["weights"].items())
    assert all(torch.equal(kept["average"][f"module.{name}"], value) for name, value in averaged.items())

    longer = SHORT.model_copy(update={"minutes": kept["elapsed"] / 60 + 0.05})
    train(Line, longer, tmp_path, seed=1, processes=1)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert after["step"] > kept["step"]
    assert not torch.equal(after["weights"]["layer.weight"], kept["weights"]["layer.weight"])


def test_muon_steps_convolutions_as_matrices_of_their_output_channels() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 5, 3)
    flat = nn.Parameter(layer.weight.detach().flatten(1).clone())
    reference = torch.optim.Muon([flat], lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")

    class One(Line):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

    for memory in (torch.contiguous_format, torch.channels_last):
        layer.weight.data = layer.weight.data.contiguous(memory_format=memory)
        muon = optimizers(One(), Fit(minutes=1, learning_rate=1e-3, muon_rate=0.02))[0]
        gradient = torch.randn(5, 6, 3, 3)
        layer.weight.grad = gradient.contiguous(memory_format=torch.channels_last)
        flat.data = layer.weight.detach().contiguous().flatten(1).clone()
        flat.grad = gradient.flatten(1).clone()
        before = flat.detach().clone()
        muon.step()
        reference.state.clear()
        reference.step()  # type: ignore[no-untyped-call]
        assert torch.allclose(layer.weight.detach().contiguous().flatten(1), flat, atol=2e-3)
        assert (flat.detach() - before).abs().mean() > 1e-3


def test_processes_share_the_work_and_agree(tmp_path: Path) -> None:
    job = Job(Line, SHORT, tmp_path, 3, 2, free_port())
    spawn(five_steps, (job,), nprocs=2)  # type: ignore[no-untyped-call]
    one, other = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    start = torch.load(tmp_path / "start.pt", weights_only=True)
    assert not any(torch.equal(one[name], start[name]) for name in one)
