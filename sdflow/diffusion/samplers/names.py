"""From the names people use to the one canonical name. Torch-free."""

from functools import cache

from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.table import SAMPLERS
from sdflow.problems import nearest, problem

_CLASS_DEFAULTS = {
    "DPMSolverMultistepScheduler": "dpm++-2m",
    "DPMSolverSinglestepScheduler": "dpm++-2s",
    "DPMSolverSDEScheduler": "dpm++-sde",
}
"""The row that stands for a class of which the table has several methods."""

_REFUSED: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "Restart": (
        ("restart",),
        "jumps back to higher noise and repeats part of the way; no scheduler of diffusers does that",
        ("heun", "dpm++-2m-sde"),
    ),
    "DPM++ 2S a": (
        ("dpm++-2s-a", "dpm++-2s-ancestral", "dpm++-2s-a-karras", "dpm++-2s-ancestral-karras"),
        "is the ancestral variant of DPM++ 2S; diffusers has only the variant without added noise",
        ("dpm++-2s", "dpm2-ancestral"),
    ),
    "DPM fast": (
        ("dpm-fast",),
        "chooses its own orders for a fixed number of evaluations; diffusers has no such scheduler",
        ("dpm++-2m", "unipc"),
    ),
    "DPM adaptive": (
        ("dpm-adaptive",),
        "chooses its own number of steps; a schedule in diffusers has a fixed number",
        ("dpm++-2m", "heun"),
    ),
    "iPNDM": (
        ("ipndm", "ipndm-v", "IPNDMScheduler"),
        "has timesteps from 0 to 1 in diffusers, which a Stable Diffusion UNet does not understand",
        ("pndm", "deis"),
    ),
    "EDM": (
        ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler", "edm-euler", "edm-dpm++-2m"),
        "is for models trained with EDM's own noise levels, which Stable Diffusion is not",
        ("euler-karras", "dpm++-2m-karras"),
    ),
    "Cosine DPM-Solver": (
        ("CosineDPMSolverMultistepScheduler",),
        "is for models trained on a cosine schedule of log-SNR, such as Stable Audio",
        ("dpm++-2m-sde",),
    ),
    "flow matching": (
        ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler"),
        "is for models that predict a flow; Stable Diffusion predicts noise or v",
        ("euler", "heun"),
    ),
    "SGM Uniform": (
        (
            "sgm-uniform",
            *(
                f"{sampler}-sgm-uniform"
                for sampler in (
                    "euler",
                    "euler-a",
                    "euler-ancestral",
                    "dpm++-2m",
                    "dpm++-2m-sde",
                    "dpm++-sde",
                    "ddim",
                    "unipc",
                    "lcm",
                )
            ),
        ),
        "has timesteps between whole numbers, and the spacings of diffusers round them",
        ("euler-trailing", "dpm++-2m-trailing"),
    ),
    "CFG++": (
        (
            "ddim-cfg++",
            "euler-cfg-pp",
            "euler-ancestral-cfg-pp",
            "dpm++-2m-cfg-pp",
            "dpm++-2s-ancestral-cfg-pp",
        ),
        "needs the unguided prediction inside the sampler, which diffusers' schedulers are not given",
        ("ddim", "euler"),
    ),
    "Heun++": (("heunpp2", "heun++-2"), "has no scheduler in diffusers", ("heun",)),
    "RES multistep": (
        ("res-multistep", "res-multistep-ancestral"),
        "has no scheduler in diffusers",
        ("dpm++-2m",),
    ),
    "ER SDE": (("er-sde",), "has no scheduler in diffusers", ("sa-solver", "dpm++-2m-sde")),
    "SEEDS": (("seeds-2", "seeds-3"), "has no scheduler in diffusers", ("dpm++-sde",)),
    "gradient estimation": (("gradient-estimation",), "has no scheduler in diffusers", ("dpm++-2m",)),
}
"""Known names without a true equivalent: the spellings, why, and what comes near."""


def canonical(name: str) -> Sampler:
    """The sampler that a name means: the canonical one, or diffusers', A1111's, ComfyUI's or k-diffusion's.

    Raises:
        UserError: SDF401 for a name nobody knows, with the nearest that is known; SDF402 for a sampler that
            diffusers has no equivalent of, with the reason and what comes near.
    """
    folded = fold(name)
    known = _spellings()
    if folded in known:
        return known[folded]
    for title, (spellings, reason, instead) in _REFUSED.items():
        if folded in map(fold, spellings):
            near = " or ".join(f"`{it}`" for it in instead)
            raise problem("SDF402", f"sampler `{name}`: {title} {reason}", hint=f"{near} comes nearest")
    guess = nearest(folded, known)
    hint = f"did you mean `{known[guess].name}`?" if guess else "`sdflow nodes denoise` lists the samplers"
    raise problem("SDF401", f"there is no sampler `{name}`", hint=hint)


def fold(name: str) -> str:
    """A spelling without case, with `-` for spaces and `_`, `dpm++` for `dpmpp`, and no leading `sample_`."""
    folded = "-".join(name.casefold().replace("_", " ").replace("-", " ").split())
    return folded.removeprefix("sample-").replace("dpmpp", "dpm++")


@cache
def _spellings() -> dict[str, Sampler]:
    known: dict[str, Sampler] = {}
    for sampler in SAMPLERS.values():
        for spelling in (sampler.name, sampler.title, *sampler.aliases):
            if known.setdefault(fold(spelling), sampler) is not sampler:
                raise ValueError(f"{spelling!r} names two samplers")
    for sampler in SAMPLERS.values():
        chosen = SAMPLERS[_CLASS_DEFAULTS.get(sampler.class_name, sampler.name)]
        for spelling in (sampler.class_name, sampler.class_name.removesuffix("Scheduler")):
            known.setdefault(fold(spelling), chosen)
    return known
