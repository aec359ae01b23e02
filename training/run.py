"""One training: what it is told, and where all that it makes lies."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sdflow
from training.config import Config
from training.fit import Trained, train
from training.settings import Fit

SHIPPED_MODELS = Path(sdflow.__file__).parent / "models" / "shipped"


@dataclass(frozen=True, slots=True)
class Run:
    """One training of toybox: what it is told, the folder of all that it makes, and whom else to evaluate."""

    config: Config
    folder: Path
    model: Path | None = None

    @property
    def toybox(self) -> Path:
        """The model that others are trained on top of: the run's own where it has one, else the shipped one."""
        own = self.folder / "models" / "toybox"
        return own if own.is_dir() else SHIPPED_MODELS / "toybox"


def train_part(
    run: Run, name: str, make: Callable[[], Trained], fit: Fit, *, processes: int | None = None
) -> None:
    """Trains a part in a folder of its own, in as many processes as the settings say."""
    count = processes or run.config.processes
    train(make, fit, run.folder / name, seed=run.config.seed, processes=count)
