"""The stages of training, each of which goes on from what earlier ones left in the run's folder."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from training import export
from training.adopt import adopt
from training.artwork import fetch_artwork
from training.autoencoder import TrainedAutoencoder
from training.classifier import TrainedJudge
from training.dataset import read_dataset, render_dataset
from training.diffusion import TrainedDiffusion
from training.judging import SHIPPED_JUDGE, freeze
from training.latents import encode, read_latents
from training.report import RESULTS, evaluate_model, write_tables
from training.run import SHIPPED_MODELS, Run, train_part
from training.tiny_autoencoder import TrainedTinyAutoencoder
from training.tokenizer import train_tokenizer


def artwork(run: Run) -> Path:
    """The drawings."""
    return fetch_artwork(run.config.artwork, run.folder / "artwork")


def scenes(run: Run) -> None:
    """Pictures and captions to train on, and others to measure with."""
    wanted, drawings = run.config.scenes, artwork(run)
    for name, count in (("train", wanted.count), ("measured", wanted.measured)):
        render_dataset(
            run.folder / "scenes",
            name,
            count,
            seed=run.config.seed,
            artwork=drawings,
            processes=run.config.processes,
            holding_out=name == "train",
        )


def tokenizer(run: Run) -> None:
    """The vocabulary of the captions; made once, because ties may be broken in another way the next time."""
    folder = run.folder / "tokenizer"
    if not folder.is_dir():
        captions = read_dataset(run.folder / "scenes", "train").captions
        making = folder.with_suffix(".writing")
        train_tokenizer(captions, run.config.tokenizer.tokens, making)
        making.rename(folder)


def autoencoder(run: Run) -> None:
    """Pictures to latents and back."""
    make = partial(TrainedAutoencoder, run.config.autoencoder, run.folder / "scenes" / "train.npy")
    train_part(run, "autoencoder", make, run.config.autoencoder.fit)


def latents(run: Run) -> None:
    """All scenes as latents."""
    model = export.trained_autoencoder(run.config, run.folder)
    pictures = run.folder / "scenes" / "train.npy"
    encode(model, pictures, run.folder / "latents.pt", processes=run.config.processes)


def diffusion(run: Run) -> None:
    """Text encoder and UNet."""
    make = partial(
        TrainedDiffusion,
        run.config.diffusion,
        run.folder / "tokenizer",
        run.folder / "latents.pt",
        read_dataset(run.folder / "scenes", "train").captions,
    )
    train_part(run, "diffusion", make, run.config.diffusion.fit)


def tiny_autoencoder(run: Run) -> None:
    """A small decoder for previews."""
    factor = read_latents(run.folder / "latents.pt").scaling_factor
    teacher = run.folder / "teacher"
    export.trained_autoencoder(run.config, run.folder, factor).save_pretrained(teacher)
    make = partial(
        TrainedTinyAutoencoder, run.config.tiny_autoencoder, teacher, run.folder / "scenes" / "train.npy"
    )
    train_part(run, "tiny-autoencoder", make, run.config.tiny_autoencoder.fit)


def classifier(run: Run) -> None:
    """The judge of the evaluation."""
    make = partial(TrainedJudge, run.config.classifier, run.folder / "scenes")
    train_part(run, "classifier", make, run.config.classifier.fit)
    freeze(run.config.classifier, run.folder)


def ship(run: Run) -> None:
    """The models as sdflow ships them."""
    factor = read_latents(run.folder / "latents.pt").scaling_factor
    export.export_model(run.config, run.folder, factor, run.folder / "models" / "toybox")
    if (run.folder / "tiny-autoencoder").is_dir():
        export.export_tiny_autoencoder(run.config, run.folder, run.folder / "models" / "toybox-taesd")


def evaluation(run: Run) -> None:
    """How good the models are, as figures and as a sheet of fixed prompts."""
    model = run.model or run.folder / "models" / "toybox"
    evaluate_model(run.config, run.folder, model, run.folder / "results")


def publish(run: Run) -> None:
    """What the run has made becomes what sdflow ships: models, the judge, figures and the sheet."""
    for model in (run.folder / "models").iterdir():
        shutil.rmtree(SHIPPED_MODELS / model.name, ignore_errors=True)
        shutil.copytree(model, SHIPPED_MODELS / model.name)
    if (run.folder / "judge.safetensors").is_file():
        shutil.copy(run.folder / "judge.safetensors", SHIPPED_JUDGE)
    shutil.copytree(run.folder / "results", RESULTS, dirs_exist_ok=True)
    write_tables()


def adopt_shipped(run: Run) -> None:
    """A run that goes on from what sdflow ships."""
    adopt(SHIPPED_MODELS / "toybox", run.folder)


# In the order in which they follow each other.
STAGES: Mapping[str, Callable[[Run], object]] = {
    "artwork": artwork,
    "scenes": scenes,
    "tokenizer": tokenizer,
    "autoencoder": autoencoder,
    "latents": latents,
    "diffusion": diffusion,
    "tiny-autoencoder": tiny_autoencoder,
    "ship": ship,
    "classifier": classifier,
    "evaluate": evaluation,
}

# Not among `all`: one changes the checkout, the other begins from it.
ASIDE: Mapping[str, Callable[[Run], object]] = {"publish": publish, "adopt": adopt_shipped}
