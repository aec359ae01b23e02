"""Goldens of real pictures: what they let through and what they do not. Toybox draws what its page names."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sdflow.engine.events import Event
from sdflow.golden.check import Checked, Wanted, record, verify
from sdflow.golden.record import read_golden, write_golden
from sdflow.golden.reference import Options, Tolerance
from sdflow.workflow import Session, Settings

RECIPE = """\
sdflow: 1
name: named
params:
  prompt: {type: string}
  model: builtin:toybox
  dtype: float32
  seed: 7
  sampler: ddim                 # draws nothing by lot
nodes:
  model: {type: load-model, source: $params.model, dtype: $params.dtype}
  text: {type: encode-prompt, model: $model, prompt: $params.prompt}
  noise: {type: init-latent, model: $model, width: 64, height: 64, seed: $params.seed}
  sample:
    {type: denoise, model: $model, conditioning: $text, latent: $noise, sampler: $params.sampler, steps: 6, guidance: 2}
  image: {type: decode, model: $model, latent: $sample}
outputs: {"{params.prompt}.png": $image}
matrix:
  prompt: [a penguin riding a bicycle on a beach, a castle in the snow, a penguin in the snow]
"""
DEFAULT = Tolerance()
MARGIN = 5.0
"""Decibels: so much nearer than it has to be is bfloat16, and so much further away is another seed."""


def nobody(event: Event) -> None:
    pass


class Bench:
    """A recipe with its golden, and a session that keeps models and results."""

    def __init__(self, folder: Path) -> None:
        self.recipe = folder / "named.yaml"
        self.recipe.write_text(RECIPE)
        self.session = Session(Settings(device="cpu", cache=folder / "cache"))
        recorded = record(self.session, self.recipe, Wanted(), nobody)
        assert recorded is not None
        write_golden(recorded.draft, recorded.before, recorded.folder)
        self.folder = recorded.folder

    def verify(self, *params: str, session: Session | None = None, pictures: bool = False) -> Checked:
        options = Options(params=params)
        return verify(session or self.session, self.recipe, options, nobody, pictures=pictures)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("golden"))


def test_it_passes_unchanged_by_digest_also_with_an_empty_store(bench: Bench, tmp_path: Path) -> None:
    for session in (bench.session, Session(Settings(device="cpu", cache=tmp_path / "fresh"))):
        found = bench.verify(session=session)
        assert found.passed
        assert len(found.verdicts) == 3
        assert {(it.way, it.differs) for it in found.verdicts} == {("digest", ())}
    assert sum(file.stat().st_size for file in bench.folder.iterdir()) < 50_000


def test_it_fails_on_the_next_seed(bench: Bench) -> None:
    found = bench.verify("seed=8")
    assert not any(it.passed for it in found.verdicts)
    assert {(it.way, it.differs) for it in found.verdicts} == {("digest", ())}
    for it in found.verdicts:
        assert it.likeness is not None
        assert it.likeness.psnr < DEFAULT.psnr - MARGIN
        assert it.likeness.ssim < DEFAULT.ssim - 0.1


def test_it_fails_on_another_sampler(bench: Bench) -> None:
    found = bench.verify("sampler=euler")
    assert not any(it.passed for it in found.verdicts)
    assert {it.way for it in found.verdicts} == {"digest"}


def test_it_fails_when_one_tensor_is_scaled(bench: Bench, tmp_path: Path, toybox: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(toybox, tmp_path / "scaled")
    weights = tmp_path / "scaled" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["mid_block.resnets.0.conv1.weight"] *= 1.1
    save_file(tensors, weights)
    found = bench.verify(f"model={tmp_path / 'scaled'}")
    assert not any(it.passed for it in found.verdicts)
    assert {(it.way, it.differs) for it in found.verdicts} == {("digest", ())}
    # No eye and no tolerance would have seen it.
    assert all(it.likeness is not None and it.likeness.within(DEFAULT) for it in found.verdicts)


def test_bfloat16_passes_within_the_tolerance_by_a_margin(bench: Bench) -> None:
    found = bench.verify("dtype=bfloat16")
    assert found.passed
    for it in found.verdicts:
        assert it.way == "likeness"
        assert it.differs == (("precision", "float32", "bfloat16"),)
        assert it.likeness is not None
        assert it.likeness.psnr > DEFAULT.psnr + MARGIN
        assert it.likeness.ssim > DEFAULT.ssim + 0.05


def test_the_next_seed_fails_in_bfloat16_too(bench: Bench) -> None:
    found = bench.verify("dtype=bfloat16", "seed=8", pictures=True)
    assert not any(it.passed for it in found.verdicts)
    assert {it.way for it in found.verdicts} == {"likeness"}
    assert all(it.reference is not None and it.result is not None for it in found.verdicts)


def test_results_of_other_versions_do_not_count(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept was made by what is installed now, or it is made again: else an upgrade would go unseen."""
    ran: list[str] = []

    def listen(event: Event) -> None:
        if event.name == "node-started":
            ran.append(event.name)

    verify(bench.session, bench.recipe, Options(), listen, pictures=False)
    assert not ran
    from sdflow.engine import environment

    versions = {**environment.versions(), "torch": "99.0"}
    monkeypatch.setattr(environment, "versions", lambda: versions)
    found = verify(bench.session, bench.recipe, Options(), listen, pictures=False)
    assert len(ran) >= 10
    assert found.passed
    before = read_golden(bench.folder).numerics["torch"]
    assert all(it.differs == (("torch", before, "99.0"),) for it in found.verdicts)


def test_digests_alone_say_nothing_in_another_class(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(bench.recipe, tmp_path)
    recipe = tmp_path / bench.recipe.name
    recorded = record(bench.session, recipe, Wanted(longest_side=0), nobody)
    assert recorded is not None
    write_golden(recorded.draft, recorded.before, recorded.folder)
    assert [file.name for file in recorded.folder.iterdir()] == ["golden.yaml"]
    assert verify(bench.session, recipe, Options(), nobody, pictures=False).passed
    found = verify(bench.session, recipe, Options(params=("dtype=bfloat16",)), nobody, pictures=False)
    assert not any(it.passed for it in found.verdicts)
    assert {it.way for it in found.verdicts} == {"nothing"}


def test_a_large_picture_is_kept_small_and_compared_so(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(bench.recipe, tmp_path)
    recipe = tmp_path / bench.recipe.name
    recorded = record(bench.session, recipe, Wanted(longest_side=32, ssim=0.5), nobody)
    assert recorded is not None
    write_golden(recorded.draft, recorded.before, recorded.folder)
    golden = read_golden(recorded.folder)
    assert golden == replace(recorded.draft.golden)
    assert golden.tolerance == Tolerance(DEFAULT.psnr, 0.5)
    found = verify(bench.session, recipe, Options(params=("dtype=bfloat16",)), nobody, pictures=True)
    assert found.passed
    assert {it.reference.shape for it in found.verdicts if it.reference is not None} == {(1, 32, 32, 3)}
