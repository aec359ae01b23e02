"""How good the models on top of toybox are: each asked for what it is for, and for what must not change."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from training.artist import Artist
from training.artwork import fetch_artwork
from training.classifier import judged
from training.evaluate import reconstructed
from training.family import asking, drawing
from training.family.drawing import Pictures, as_images, draw
from training.family.hints import edges
from training.family.large import SCALE, shrunk
from training.family.measures import away, edge_score, gradients, psnr, saturation, sharpness
from training.family.pencil import draw_in_pencil
from training.run import Run
from training.scenes import background_words, with_article
from training.vocabulary import THINGS

Figures: TypeAlias = dict[str, Any]


def inpaint(run: Run, model: Path) -> Figures:
    """One thing is painted out and another one asked for: is it there, and is all else what it was?"""
    data, judge = asking.measured(run), asking.judge(run)
    chosen = asking.chosen(data, run, lambda scene: scene.kind == "single" and not scene.style)
    pictures, random = data.pictures[chosen], Random("inpaint")
    scenes = [data.scenes[index] for index in chosen]
    masks = np.stack([asking.column(scene) for scene in scenes])
    things = [random.choice([name for name in THINGS if name != it.placed[0].thing]) for it in scenes]
    prompts = [
        with_article(thing) + background_words(scene.background, random, night=scene.night)
        for thing, scene in zip(things, scenes, strict=True)
    ]

    def given(here: slice) -> dict[str, Any]:
        return {"image": as_images(pictures[here]), "mask_image": as_images(masks[here])}

    figures: Figures = {"pictures": len(chosen), "guidance": asking.GUIDANCE}
    back, _ = reconstructed(asking.autoencoder(run), pictures)
    figures["outside, through the autoencoder alone"] = round(away(back, pictures, ~masks), 2)
    drawn = {}
    for name, folder in (("toybox-inpaint", model), ("toybox", None)):
        made = draw(
            drawing.inpainting(run.toybox, folder),
            prompts,
            given,
            **asking.settings(run),
            strength=1.0,
            **asking.SIZE,
        )
        seen = judged(judge, made)
        figures[name] = {
            "object right": asking.share(
                it.objects[0] == thing for it, thing in zip(seen, things, strict=True)
            ),
            "when shuffled": asking.share(
                it.objects[0] == thing for it, thing in zip(seen, things[1:] + things[:1], strict=True)
            ),
            "background kept": asking.share(
                it.background == scene.background for it, scene in zip(seen, scenes, strict=True)
            ),
            "outside": round(away(made, pictures, ~masks), 2),
        }
        drawn[name] = made
    masked = np.where(masks[..., None], np.uint8(128), pictures)
    asking.sheet(run, model, [masked, *drawn.values()], ["painted out", *drawn], prompts)
    return figures


def canny(run: Run, model: Path) -> Figures:
    """Are the picture's edges those that were given, and does it still show what was asked for?"""
    data, judge = asking.measured(run), asking.judge(run)
    chosen = asking.chosen(data, run, lambda scene: not scene.style)
    scenes = [data.scenes[index] for index in chosen]
    hints = edges(np.asarray(data.pictures[chosen]))
    prompts = [scene.caption for scene in scenes]
    shown = np.repeat(hints[..., None], 3, -1).astype(np.uint8) * 255
    pipeline = drawing.controlled(run.toybox, model)
    with_hint = draw(
        pipeline, prompts, lambda here: {"image": as_images(shown[here])}, **asking.settings(run)
    )
    without = draw(drawing.plain(run.toybox), prompts, **asking.settings(run), **asking.SIZE)
    back, _ = reconstructed(asking.autoencoder(run), np.asarray(data.pictures[chosen]))

    def right(pictures: Pictures) -> float:
        seen = judged(judge, pictures)
        return asking.share(
            it.objects[0] in {placed.thing for placed in scene.placed}
            for it, scene in zip(seen, scenes, strict=True)
        )

    asking.sheet(run, model, [shown, with_hint, without], ["edges", "toybox-canny", "toybox"], prompts)
    return {
        "pictures": len(chosen),
        "guidance": asking.GUIDANCE,
        "edges, F1": {
            "toybox-canny": round(edge_score(with_hint, hints), 4),
            "without": round(edge_score(without, hints), 4),
            "when shuffled": round(edge_score(with_hint, np.roll(hints, 1, axis=0)), 4),
            "through the autoencoder alone": round(edge_score(back, hints), 4),
        },
        "object right": {"toybox-canny": right(with_hint), "without": right(without)},
    }


def sketch(run: Run, model: Path) -> Figures:
    """Is it grey lines on paper, and of what was asked for?"""
    asked, judge = asking.asked(run), asking.judge(run)
    prompts = [question.prompt for question in asked]
    pipeline = drawing.plain(run.toybox)
    without = draw(pipeline, prompts, **asking.settings(run), **asking.SIZE)
    pipeline.load_lora_weights(model, weight_name="pytorch_lora_weights.safetensors")
    pictures = {"without": without}
    for weight in (0.5, 1.0):
        pipeline.set_adapters(pipeline.get_active_adapters(), weight)
        pictures[f"weight {weight:g}"] = draw(pipeline, prompts, **asking.settings(run), **asking.SIZE)
    data = asking.measured(run)
    chosen = asking.chosen(data, run, lambda scene: scene.kind == "single" and not scene.style)
    pencil = np.stack([draw_in_pencil(it, Random(index)) for index, it in enumerate(data.pictures[chosen])])
    pencil_back, _ = reconstructed(asking.autoencoder(run), pencil)
    true = [data.scenes[index].placed[0].thing for index in chosen]
    asking.sheet(run, model, list(pictures.values()), ["toybox", *list(pictures)[1:]], prompts)
    return {
        "pictures": len(prompts),
        "guidance": asking.GUIDANCE,
        "saturation": {name: round(saturation(it), 2) for name, it in pictures.items()}
        | {"drawings in pencil": round(saturation(pencil), 2)},
        "object right": {name: asking.right(judge, it, asked) for name, it in pictures.items()}
        | {
            "judge on drawings in pencil": asking.share(
                it.objects[0] == thing for it, thing in zip(judged(judge, pencil_back), true, strict=True)
            )
        },
    }


def negative(run: Run, model: Path) -> Figures:
    """Are pictures sharper with it, and do they still show what was asked for?"""
    asked, judge = asking.asked(run), asking.judge(run)
    prompts = [question.prompt for question in asked]
    pipeline = drawing.plain(run.toybox)
    pipeline.load_textual_inversion(model / "learned_embeds.safetensors")
    pictures = {}
    for name, words in (("nothing", ""), ("blurry", "blurry"), ("toybox-negative", "toybox-negative")):
        pictures[name] = draw(
            pipeline,
            prompts,
            lambda here, words=words: {"negative_prompt": [words] * (here.stop - here.start)},  # type: ignore[misc]
            **asking.settings(run),
            **asking.SIZE,
        )
    asking.sheet(run, model, list(pictures.values()), [f"negative: {name}" for name in pictures], prompts)
    return {
        "pictures": len(prompts),
        "guidance": asking.GUIDANCE,
        "sharpness": {name: round(sharpness(it), 1) for name, it in pictures.items()},
        "object right": {name: asking.right(judge, it, asked) for name, it in pictures.items()},
    }


def x4(run: Run, model: Path) -> Figures:
    """Is the large picture the true one, and are its edges as sharp?"""
    data = asking.measured(run)
    chosen = asking.chosen(data, run, lambda scene: not scene.style)
    scenes = [data.scenes[index] for index in chosen]
    artist = Artist(fetch_artwork(run.config.artwork, run.folder / "artwork"), scale=SCALE)
    true = np.stack([artist.render(scene) for scene in scenes])
    small = np.stack([shrunk(it) for it in true])
    pipeline = drawing.upscaling(run.toybox, model)
    settings = {"num_inference_steps": _STEPS_X4, "guidance_scale": 1.0, "noise_level": 0}
    side = true.shape[1]
    pictures = {
        "Lanczos": asking.resized(small, side, Image.Resampling.LANCZOS),
        "bicubic": asking.resized(small, side, Image.Resampling.BICUBIC),
        "toybox-x4": draw(
            pipeline,
            [scene.caption for scene in scenes],
            lambda here: {"image": as_images(small[here])},
            **settings,
        ),
        "autoencoder alone": asking.through(pipeline.vae, true),
    }
    wanted = gradients(true)
    asking.sheet(
        run,
        model,
        [pictures["Lanczos"], pictures["toybox-x4"], true],
        ["Lanczos", "toybox-x4", "true"],
        [scene.caption for scene in scenes],
        shown=4,
    )
    return {
        "pictures": len(chosen),
        "noise level": 0,
        "steps": _STEPS_X4,
        "PSNR, dB": {name: round(psnr(it, true), 2) for name, it in pictures.items()},
        "gradient energy, of the true": {
            name: round(gradients(it) / wanted, 3) for name, it in pictures.items()
        },
    }


_STEPS_X4 = 20
OF: Mapping[str, Callable[[Run, Path], Figures]] = {
    "toybox-inpaint": inpaint,
    "toybox-canny": canny,
    "toybox-sketch": sketch,
    "toybox-negative": negative,
    "toybox-x4": x4,
}


def measure(run: Run, name: str) -> None:
    """Writes `NAME.json` and `NAME.jpg` among the run's results."""
    results = run.folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode():
        figures = OF[name](run, run.folder / "models" / name)
    (results / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {json.dumps(figures)}", flush=True)
