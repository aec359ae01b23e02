"""The names people know, and what becomes of them."""

import pytest

from sdflow.composition import Json
from sdflow.diffusion.samplers import SAMPLERS, canonical, missing_requirements, sampler_of_config
from sdflow.problems import UserError

PNDM: dict[str, Json] = {"_class_name": "PNDMScheduler", "skip_prk_steps": True}
KARRAS: dict[str, Json] = {"_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("euler", "euler"),
        ("Euler", "euler"),
        ("EulerDiscreteScheduler", "euler"),
        ("sample_euler", "euler"),
        ("Euler a", "euler-ancestral"),
        ("euler_a", "euler-ancestral"),
        ("euler_ancestral", "euler-ancestral"),
        ("sample_euler_ancestral", "euler-ancestral"),
        ("EulerAncestralDiscreteScheduler", "euler-ancestral"),
        ("DPM++ 2M", "dpm++-2m"),
        ("DPM++ 2M Karras", "dpm++-2m-karras"),
        ("dpmpp_2m", "dpm++-2m"),
        ("sample_dpmpp_2m", "dpm++-2m"),
        ("DPMSolverMultistepScheduler", "dpm++-2m"),
        ("DPMSolverMultistep", "dpm++-2m"),
        ("DPM++ 2M SDE Karras", "dpm++-2m-sde-karras"),
        ("DPM++ 2M SDE Exponential", "dpm++-2m-sde-exponential"),
        ("DPM++ 2M SDE Heun", "dpm++-2m-sde-heun"),
        ("DPM++ 3M SDE Karras", "dpm++-3m-sde-karras"),
        ("dpmpp_2m_sde_gpu", "dpm++-2m-sde"),
        ("DPM++ SDE", "dpm++-sde"),
        ("DPM++ SDE Karras", "dpm++-sde-karras"),
        ("dpmpp_sde", "dpm++-sde"),
        ("DPMSolverSDEScheduler", "dpm++-sde"),
        ("DPMSolverSinglestepScheduler", "dpm++-2s"),
        ("DPM2", "dpm2"),
        ("dpm_2", "dpm2"),
        ("DPM2 Karras", "dpm2-karras"),
        ("DPM2 a", "dpm2-ancestral"),
        ("DPM2 a Karras", "dpm2-ancestral-karras"),
        ("dpm_2_ancestral", "dpm2-ancestral"),
        ("KDPM2DiscreteScheduler", "dpm2"),
        ("LMS Karras", "lms-karras"),
        ("Heun", "heun"),
        ("PLMS", "pndm"),
        ("PNDMScheduler", "pndm"),
        ("UniPC", "unipc"),
        ("uni_pc_bh2", "unipc"),
        ("DEISMultistepScheduler", "deis"),
        ("DDIM", "ddim"),
        ("LCM", "lcm"),
        ("sa_solver", "sa-solver"),
        ("TCDScheduler", "tcd"),
    ],
)
def test_known_names(name: str, expected: str) -> None:
    assert canonical(name).name == expected


def test_every_name_title_and_alias_finds_its_row() -> None:
    for sampler in SAMPLERS.values():
        for spelling in (sampler.name, sampler.title, *sampler.aliases):
            assert canonical(spelling) is sampler
            assert canonical(spelling.upper().replace("-", "_")) is sampler


@pytest.mark.parametrize(
    "name",
    [
        "Restart",
        "DPM++ 2S a",
        "DPM++ 2S a Karras",
        "sample_dpmpp_2s_ancestral",
        "DPM fast",
        "DPM adaptive",
        "ipndm",
        "IPNDMScheduler",
        "EDMEulerScheduler",
        "FlowMatchEulerDiscreteScheduler",
        "euler_cfg_pp",
        "heunpp2",
        "res_multistep",
        "Euler SGM Uniform",
        "Euler a SGM Uniform",
        "sgm_uniform",
    ],
)
def test_names_without_a_true_equivalent_are_refused_with_the_reason_and_what_comes_near(name: str) -> None:
    with pytest.raises(UserError) as caught:
        canonical(name)
    (found,) = caught.value.problems
    assert found.code == "SDF402"
    assert found.hint is not None
    near = [word for word in found.hint.split("`") if word in SAMPLERS]
    assert near


@pytest.mark.parametrize(("name", "near"), [("eulr", "euler"), ("dpm++2m", "dpm++-2m"), ("unipcc", "unipc")])
def test_mistyped_names_get_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UserError) as caught:
        canonical(name)
    (found,) = caught.value.problems
    assert found.code == "SDF401"
    assert f"`{near}`" in str(found.hint)


def test_a_name_like_nothing_gets_the_way_to_the_list() -> None:
    with pytest.raises(UserError) as caught:
        canonical("zzzzzzzzzzzz")
    assert "sdflow nodes denoise" in str(caught.value.problems[0].hint)


def test_what_is_missing_is_known_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sdflow.diffusion.samplers.sampler as module

    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "torchsde" else object())
    assert missing_requirements(SAMPLERS["dpm++-sde"]) == ("torchsde",)
    assert missing_requirements(SAMPLERS["lms"]) == ()
    assert missing_requirements(SAMPLERS["euler"]) == ()


def test_a_missing_package_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import sdflow.diffusion.samplers.sampler as module
    from sdflow.diffusion.samplers.scheduler import make_scheduler

    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(UserError) as caught:
        make_scheduler(SAMPLERS["lms"], {"_class_name": "PNDMScheduler"})
    assert caught.value.problems[0].code == "SDF407"
    assert "scipy" in caught.value.problems[0].message


def test_the_models_own_scheduler_has_a_name() -> None:
    assert sampler_of_config(PNDM) is SAMPLERS["pndm"]
    assert sampler_of_config({"_class_name": "DDIMScheduler"}) is SAMPLERS["ddim"]
    assert sampler_of_config(KARRAS) is SAMPLERS["dpm++-2m-karras"]
    assert sampler_of_config({"_class_name": "PNDMScheduler"}) is None
    assert sampler_of_config({"_class_name": "FlowMatchEulerDiscreteScheduler"}) is None
