"""Runs denoise nodes that kill themselves: python -m tests.nodes.children.kill MODEL FOLDER KILLS SAMPLER…

Each attempt is a process of its own, forked after everything was imported. A line of JSON for each sampler says what
became of it.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from sdflow.engine.events import Event, NodeProgress
from sdflow.graph.keys import state_key
from sdflow.workflow import Session, Settings
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

STEPS = 5


def bench(folder: Path) -> Workbench:
    made = Workbench(folder)
    made.session = Session(Settings(device="cpu", cache=folder / "cache", save_every=0.0))
    return made


def attempt(folder: Path, nodes: Nodes, listener: Callable[[Event], None]) -> None:
    made = bench(folder)
    composition = made.compose(made.write(nodes, {"latent.safetensors": "$sample"}))
    made.session.run(composition, out=folder / "out", listener=listener)


def forked(work: Callable[[], None]) -> bool:
    """Whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a child says that it failed, whatever it was
            os._exit(70)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    if os.WEXITSTATUS(status):
        raise SystemExit(f"an attempt ended with {os.WEXITSTATUS(status)}")
    return False


def last_kept(folder: Path, nodes: Nodes) -> int:
    """The highest state that is there."""
    made = bench(folder)
    plan = made.session.prepare(made.compose(made.write(nodes, {"latent.safetensors": "$sample"}))).plan
    way = plan.keys[plan.graph.names["", "sample"]].trajectory
    kept = [step for step in range(STEPS + 1) if made.session.results.find(state_key(way, step)) is not None]
    return max(kept, default=0)


def undisturbed_and_killed(model: Path, folder: Path, sampler: str, kills: int, rng: random.Random) -> object:
    nodes = edited(text_to_image(model), {"sample": {"sampler": sampler, "steps": STEPS}})
    if sampler in {"euler", "lms"}:
        nodes = edited(nodes, {"noise": {"batch": 2}})
    whole, broken = folder / f"{sampler}-whole", folder / f"{sampler}-broken"
    assert not forked(lambda: attempt(whole, nodes, lambda _event: None))
    moments = sorted(rng.sample(range(1, STEPS + 1), k=kills))
    trouble: list[str] = []
    for moment in moments:
        kept = last_kept(broken, nodes)

        def listener(event: Event, moment: int = moment, kept: int = kept) -> None:
            if isinstance(event, NodeProgress) and event.node == "sample":
                if not (broken / "first").exists():
                    (broken / "first").write_text(f"{event.done} {kept}")
                if event.done >= moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        (broken / "first").unlink(missing_ok=True)
        if not forked(lambda listener=listener: attempt(broken, nodes, listener)):  # type: ignore[misc]  # a default
            trouble.append(f"not killed at step {moment}")
        first, before = (broken / "first").read_text().split()
        if int(first) != int(before) + 1:
            trouble.append(f"state {before} was kept, and the first step done was {first}")
    seen: list[int] = []
    kept = last_kept(broken, nodes)
    attempt(broken, nodes, lambda event: seen.append(event.done) if isinstance(event, NodeProgress) else None)
    one, two = ((it / "out" / "latent.safetensors").read_bytes() for it in (whole, broken))
    if one != two:
        trouble.append("other bits")
    if seen and seen[0] != kept + 1:
        trouble.append(f"state {kept} was kept, and the last run began with step {seen[0]}")
    if last_kept(broken, nodes):
        trouble.append("states were left behind")
    return {"sampler": sampler, "killed": moments, "kept": kept, "trouble": trouble}


def main() -> None:
    torch.set_num_threads(1)
    import diffusers.models  # noqa: F401 - imported once, for all attempts

    model, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(3)
    for sampler in sys.argv[4:]:
        print(json.dumps(undisturbed_and_killed(model, folder, sampler, kills, rng)), flush=True)


if __name__ == "__main__":
    main()
