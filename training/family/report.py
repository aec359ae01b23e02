"""The figures of the models on top of toybox, as a table in the README."""

import json
from pathlib import Path
from typing import Any

BEGIN = "<!-- made by python -m training publish from results/toybox-*.json -->"
END = "<!-- end of the family's table -->"
_NAMES = ("toybox-inpaint", "toybox-canny", "toybox-sketch", "toybox-x4", "toybox-negative")


def family_table(results: Path) -> str:
    """In Markdown: of every model what was measured, with it and with what it is compared to."""
    lines = ["| model | measured | with it | compared with |", "|---|---|---|---|"]
    for name in _NAMES:
        path = results / f"{name}.json"
        if path.is_file():
            figures = json.loads(path.read_text(encoding="utf-8"))
            lines += [f"| {name} | {' | '.join(row)} |" for row in _ROWS[name](figures)]
    return "\n".join(lines)


def _inpaint(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    ours, plain = told["toybox-inpaint"], told["toybox"]
    floor = told["outside, through the autoencoder alone"]
    shuffled = f"{plain['object right']:.1%} toybox; {ours['when shuffled']:.1%} when shuffled"
    return [
        ("the thing asked for is there", f"{ours['object right']:.1%}", shuffled),
        (
            "the background is what it was",
            f"{ours['background kept']:.1%}",
            f"{plain['background kept']:.1%} toybox",
        ),
        (
            "mean difference outside the mask, of 255",
            f"{ours['outside']:.1f}",
            f"{plain['outside']:.1f} toybox; {floor:.1f} the autoencoder alone",
        ),
    ]


def _canny(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    edges, right = told["edges, F1"], told["object right"]
    without = f"{edges['without']:.2f} toybox; {edges['when shuffled']:.2f} when shuffled"
    return [
        (
            "edges are those of the hint, F1",
            f"{edges['toybox-canny']:.2f}",
            f"{without}; {edges['through the autoencoder alone']:.2f} the autoencoder alone",
        ),
        ("a thing asked for is there", f"{right['toybox-canny']:.1%}", f"{right['without']:.1%} toybox"),
    ]


def _sketch(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    colour, right = told["saturation"], told["object right"]
    judge = right["judge on drawings in pencil"]
    return [
        (
            "saturation, of 255",
            f"{colour['weight 1']:.1f}",
            f"{colour['without']:.1f} toybox; {colour['drawings in pencil']:.1f} drawings in pencil",
        ),
        (
            "the thing asked for is there",
            f"{right['weight 1']:.1%}",
            f"{right['without']:.1%} toybox; {judge:.1%} judge on drawings in pencil",
        ),
    ]


def _x4(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    quality, energy = told["PSNR, dB"], told["gradient energy, of the true"]
    return [
        (
            "PSNR",
            f"{quality['toybox-x4']:.1f} dB",
            f"{quality['Lanczos']:.1f} dB Lanczos; {quality['autoencoder alone']:.1f} dB the autoencoder alone",
        ),
        (
            "gradient energy, of the true picture's",
            f"{energy['toybox-x4']:.0%}",
            f"{energy['Lanczos']:.0%} Lanczos; {energy['autoencoder alone']:.0%} the autoencoder alone",
        ),
    ]


def _negative(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    sharp, right = told["sharpness"], told["object right"]
    return [
        (
            "sharpness, variance of the Laplacian",
            f"{sharp['toybox-negative']:.0f}",
            f"{sharp['nothing']:.0f} no negative; {sharp['blurry']:.0f} `blurry`",
        ),
        (
            "the thing asked for is there",
            f"{right['toybox-negative']:.1%}",
            f"{right['nothing']:.1%} no negative; {right['blurry']:.1%} `blurry`",
        ),
    ]


_ROWS = {
    "toybox-inpaint": _inpaint,
    "toybox-canny": _canny,
    "toybox-sketch": _sketch,
    "toybox-x4": _x4,
    "toybox-negative": _negative,
}
