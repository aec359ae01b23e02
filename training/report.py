"""Figures of a model in one file, its sheet, and the table of them in the README."""

import hashlib
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from training.config import Config
from training.dataset import read_dataset
from training.evaluate import accuracy, adherence, drawing, reconstructed, sheet
from training.family.report import BEGIN, END, family_table
from training.judging import judge_of, read_judge
from training.questions import SHEET

_SHEET_SEEDS = 2
RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- made by python -m training publish from results/*.json -->", "<!-- end of the table -->"
# What the shipped model is to reach, once a GPU has trained it.
_TARGETS = {
    "object": 0.90,
    "background": 0.95,
    "colour": 0.80,
    "count": 0.80,
    "two objects": 0.70,
    "riding": 0.60,
}


def evaluate_model(config: Config, run: Path, model: Path, results: Path) -> None:
    """Writes `NAME.json` and `NAME.jpg` for a model in diffusers' layout.

    Args:
        config: which steps, guidance, seeds and how many prompts.
        run: where the scenes to measure with are, and the judge, if the run has its own.
        model: the folder of the model; its name is that of the files.
        results: where they go.
    """
    judge, data = read_judge(judge_of(run)), read_dataset(run / "scenes", "measured")
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae", torch_dtype=torch.float32).eval()
    back, psnr = reconstructed(autoencoder, data.pictures)
    draw = drawing(model, config.evaluation)
    figures = {
        "asked with": config.evaluation.model_dump(),
        "judged by": hashlib.sha256(judge_of(run).read_bytes()).hexdigest(),
        "autoencoder, dB": psnr,
        "judge on renderings": accuracy(judge, data, data.pictures),
        "judge on renderings through the autoencoder": accuracy(judge, data, back),
        "adherence": adherence(draw, judge, config.evaluation),
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{model.name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    prompts = [prompt for group in SHEET.values() for prompt in group]
    sheet(draw, prompts, _SHEET_SEEDS, results / f"{model.name}.jpg")


def table(results: Path = RESULTS) -> str:
    """The figures of the shipped model and of the prototype before it, in Markdown."""
    toybox, before = (
        json.loads((results / f"{name}.json").read_text()) for name in ("toybox", "toybox-prototype")
    )
    lines = [
        "| asked for | right | when shuffled | prototype | judge alone | target |",
        "|---|---|---|---|---|---|",
    ]
    for row, target in _TARGETS.items():
        ours, theirs = toybox["adherence"][row], before["adherence"][row]
        judge = toybox["judge on renderings through the autoencoder"][row]
        shares = (ours["right"], ours["shuffled"], theirs["right"], judge, target)
        lines.append(f"| {row} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    quality = (toybox["autoencoder, dB"], before["autoencoder, dB"])
    lines.append(f"| autoencoder, PSNR | {quality[0]:.1f} dB | | {quality[1]:.1f} dB | | 30.0 dB |")
    return "\n".join(lines)


def write_tables() -> None:
    """Puts the tables into the README."""
    text = README.read_text(encoding="utf-8")
    for begin, end, made in ((_BEGIN, _END, table()), (BEGIN, END, family_table(RESULTS))):
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    README.write_text(text, encoding="utf-8")
