"""A run that was stopped goes on from any of its states, and ends in the same bits."""

from dataclasses import replace

import pytest
import torch

from sdflow.diffusion.denoise import at_vae_scale, denoise
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.samplers.history import capture
from sdflow.values import Encoded, Latent, State
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import METHODS, QUICK, SPACE, noise, request

STEPS = 5


class StoppedError(Exception):
    pass


def stored(state: State) -> State:
    """A state as it comes back from the store."""
    return State.decode(Encoded.from_bytes(state.encode().to_bytes()))


@pytest.mark.parametrize("name", SAMPLERS)
def test_from_every_state_of_every_sampler(tiny: Modules, name: str) -> None:
    wanted = request(tiny, SAMPLERS[name], eta=0.5)
    states: list[State] = []
    whole = denoise(wanted, unet=QUICK, capture=lambda _step: True, on_state=states.append)
    assert [state.step for state in states] == list(range(wanted.steps + 1))
    for state in states:
        again = denoise(wanted, unet=QUICK, resume=stored(state))
        assert torch.equal(again.samples, whole.samples), state.step
        assert torch.equal(again.streams, whole.streams), state.step


@pytest.mark.parametrize("name", METHODS)
def test_states_of_a_resumed_run_are_those_of_the_whole(tiny: Modules, name: str) -> None:
    wanted = request(tiny, SAMPLERS[name])
    states: list[State] = []
    denoise(wanted, unet=QUICK, capture=lambda _step: True, on_state=states.append)
    later: list[State] = []
    denoise(wanted, unet=QUICK, resume=stored(states[2]), capture=lambda _step: True, on_state=later.append)
    assert [state.encode().to_bytes() for state in later] == [
        state.encode().to_bytes() for state in states[3:]
    ]


@pytest.mark.parametrize("name", METHODS)
def test_image_to_image(tiny: Modules, name: str) -> None:
    clean = denoise(request(tiny, SAMPLERS["ddim"], steps=2), unet=QUICK)
    wanted = request(tiny, SAMPLERS[name], latent=clean, strength=0.8)
    states: list[State] = []
    whole = denoise(wanted, unet=QUICK, capture=lambda _step: True, on_state=states.append)
    assert [state.step for state in states] == [1, 2, 3, 4, 5]
    for state in states[:2]:
        assert torch.equal(denoise(wanted, unet=QUICK, resume=stored(state)).samples, whole.samples)


@pytest.mark.parametrize("name", ["pndm", "unipc", "dpm++-2m-sde", "lms"])
def test_with_a_unet(tiny: Modules, name: str) -> None:
    wanted = request(tiny, SAMPLERS[name])
    states: list[State] = []
    whole = denoise(wanted, unet=tiny.unet, capture={2}.__contains__, on_state=states.append)
    again = denoise(wanted, unet=tiny.unet, resume=stored(states[0]))
    assert torch.equal(again.samples, whole.samples)


def test_stopping_loses_no_state(tiny: Modules) -> None:
    kept: list[State] = []

    def stop(done: int, total: int) -> None:
        assert total == STEPS
        if done == 3:
            raise StoppedError

    wanted = request(tiny, None)
    with pytest.raises(StoppedError):
        denoise(wanted, unet=tiny.unet, capture=lambda _step: True, on_state=kept.append, on_step=stop)
    assert [state.step for state in kept] == [0, 1, 2, 3]
    steps: list[tuple[int, int]] = []
    resumed = denoise(
        wanted, unet=tiny.unet, resume=kept[-1], on_step=lambda done, total: steps.append((done, total))
    )
    assert steps == [(4, STEPS), (5, STEPS)]
    assert torch.equal(resumed.samples, denoise(wanted, unet=tiny.unet).samples)


def test_only_wanted_states_are_made(tiny: Modules) -> None:
    states: list[State] = []
    denoise(request(tiny, None), unet=QUICK, capture={2, 5}.__contains__, on_state=states.append)
    assert [state.step for state in states] == [2, 5]


def test_states_and_results_are_ordinary_tensors_with_memory_of_their_own(tiny: Modules) -> None:
    states: list[State] = []
    result = denoise(request(tiny, None), unet=tiny.unet, capture=lambda _step: True, on_state=states.append)
    tensors = [result.samples, result.streams, *states[3].tensors.values(), states[3].latent.samples]
    assert not any(tensor.is_inference() for tensor in tensors)
    result.samples.zero_()
    assert float(states[-1].latent.samples.std()) > 0


@pytest.mark.parametrize("name", [name for name, it in SAMPLERS.items() if it.history_free])
def test_a_split_of_a_history_free_sampler_is_the_whole_run(tiny: Modules, name: str) -> None:
    wanted = request(tiny, SAMPLERS[name], eta=0.5)
    whole = denoise(wanted, unet=QUICK)
    for place in (1, 3):
        first = denoise(replace(wanted, end_step=place), unet=QUICK)
        assert (first.level.kind, first.level.step) == ("partial", place)
        reread = Latent.decode(Encoded.from_bytes(first.encode().to_bytes()))
        second = denoise(replace(wanted, latent=reread), unet=QUICK)
        assert second.level.kind == "clean"
        assert torch.equal(second.samples, whole.samples)


@pytest.mark.parametrize("name", [name for name in METHODS if not SAMPLERS[name].history_free])
def test_a_split_of_another_sampler_comes_near_the_whole_run(trained: Modules, name: str) -> None:
    wanted = request(trained, SAMPLERS[name], steps=8, guidance=2.0)
    whole = denoise(wanted, unet=trained.unet).samples
    first = denoise(replace(wanted, end_step=4), unet=trained.unet)
    second = denoise(replace(wanted, latent=first, start_step=4), unet=trained.unet).samples
    other = denoise(replace(wanted, latent=noise((8, 9))), unet=trained.unet).samples
    if not SAMPLERS[name].stochastic:
        assert float((second - whole).std()) < 0.5 * float((other - whole).std())
    assert float(second.std()) == pytest.approx(float(whole.std()), rel=0.25)


def test_one_sampler_takes_over_from_another_on_the_same_schedule(trained: Modules) -> None:
    euler = request(trained, SAMPLERS["euler"], steps=8, guidance=2.0)
    whole = denoise(euler, unet=trained.unet).samples
    first = denoise(replace(euler, end_step=4), unet=trained.unet)
    second = denoise(replace(euler, sampler=SAMPLERS["heun"], latent=first), unet=trained.unet).samples
    assert float((second - whole).std()) < 0.3 * float(whole.std())


def test_previews_are_at_the_scale_of_the_vae(tiny: Modules) -> None:
    for name in METHODS:
        states: list[State] = []
        denoise(request(tiny, SAMPLERS[name]), unet=QUICK, capture={0}.__contains__, on_state=states.append)
        assert float(at_vae_scale(states[0]).samples.std()) == pytest.approx(1.0, abs=0.15), name


def test_a_state_of_elsewhere_is_refused(tiny: Modules) -> None:
    states: list[State] = []
    denoise(request(tiny, None), unet=QUICK, capture={1}.__contains__, on_state=states.append)
    half = denoise(request(tiny, None, end_step=3), unet=QUICK)
    with pytest.raises(ValueError, match="state 1"):
        denoise(request(tiny, None, latent=half), unet=QUICK, resume=states[0])


def test_what_cannot_be_stored_is_a_bug_and_not_a_silent_loss() -> None:
    class Odd:
        def __init__(self) -> None:
            self.remembered: object = None

    odd = Odd()
    before = {"remembered": None}
    odd.remembered = object()
    with pytest.raises(TypeError, match="remembered"):
        capture(odd, before, torch.device("cpu"))  # type: ignore[arg-type]  # no scheduler, on purpose


def test_half_precision_is_kept_exactly(tiny: Modules) -> None:
    import copy

    unet = copy.deepcopy(tiny.unet).to(torch.bfloat16)
    wanted = request(tiny, SAMPLERS["dpm++-2m"], steps=4)
    states: list[State] = []
    whole = denoise(wanted, unet=unet, capture=lambda _step: True, on_state=states.append)
    assert whole.samples.dtype == torch.float32
    assert torch.equal(whole.samples, whole.samples.to(torch.bfloat16).float())
    assert torch.equal(denoise(wanted, unet=unet, resume=stored(states[2])).samples, whole.samples)
    assert whole.space == SPACE
