"""Every sampler, by its canonical name. Torch-free.

A method, then the placement of its noise levels where that is not the method's own: `-karras` (Karras et
al. 2022, arXiv:2206.00364, eq. 5), `-exponential` (even in log sigma), `-beta` (quantiles of a beta
distribution, arXiv:2407.12173), `-trailing` (steps counted from the end, arXiv:2305.08891, as few-step
distilled models want).
"""

from collections.abc import Iterator
from dataclasses import replace

from sdflow.composition import Json
from sdflow.diffusion.samplers.sampler import Sampler

_KARRAS_PAPER = "arXiv:2206.00364"
_DPM_PAPER = "arXiv:2211.01095"

_PLACEMENTS: dict[str, tuple[str, dict[str, Json], tuple[str, ...]]] = {
    "karras": ("Karras", {"use_karras_sigmas": True}, ()),
    "exponential": ("Exponential", {"use_exponential_sigmas": True}, ()),
    "beta": ("Beta", {"use_beta_sigmas": True}, ("scipy",)),
    "trailing": ("Trailing", {"timestep_spacing": "trailing"}, ()),
}
_PLAIN_SIGMAS: dict[str, Json] = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
}
_ALL = ("karras", "exponential", "beta")


def _multistep(algorithm: str, order: int, solver_type: str = "midpoint") -> dict[str, Json]:
    return {
        "algorithm_type": algorithm,
        "solver_order": order,
        "solver_type": solver_type,
        "use_lu_lambdas": False,
        **_PLAIN_SIGMAS,
    }


_MULTISTEP = "DPMSolverMultistepScheduler"
_METHODS: tuple[tuple[Sampler, tuple[str, ...]], ...] = (
    (
        Sampler(
            "pndm", "PNDM", "PNDMScheduler", {"skip_prk_steps": True}, ("plms",), paper="arXiv:2202.09778"
        ),
        (),
    ),
    (Sampler("ddim", "DDIM", "DDIMScheduler", paper="arXiv:2010.02502"), ("trailing",)),
    (Sampler("ddpm", "DDPM", "DDPMScheduler", stochastic=True, paper="arXiv:2006.11239"), ()),
    (
        Sampler("euler", "Euler", "EulerDiscreteScheduler", _PLAIN_SIGMAS, ("k_euler",), paper=_KARRAS_PAPER),
        (*_ALL, "trailing"),
    ),
    (
        Sampler(
            "euler-ancestral",
            "Euler a",
            "EulerAncestralDiscreteScheduler",
            aliases=("euler a", "k_euler_a", "k_euler_ancestral"),
            stochastic=True,
            paper=_KARRAS_PAPER,
        ),
        ("trailing",),
    ),
    (
        Sampler("heun", "Heun", "HeunDiscreteScheduler", _PLAIN_SIGMAS, ("k_heun",), paper=_KARRAS_PAPER),
        _ALL,
    ),
    (
        Sampler(
            "dpm2",
            "DPM2",
            "KDPM2DiscreteScheduler",
            _PLAIN_SIGMAS,
            ("dpm_2", "k_dpm_2", "kdpm_2"),
            paper=_KARRAS_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm2-ancestral",
            "DPM2 a",
            "KDPM2AncestralDiscreteScheduler",
            _PLAIN_SIGMAS,
            ("dpm2 a", "dpm_2_ancestral", "k_dpm_2_a", "kdpm_2_a"),
            stochastic=True,
            paper=_KARRAS_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "lms", "LMS", "LMSDiscreteScheduler", _PLAIN_SIGMAS, ("k_lms",), ("scipy",), paper=_KARRAS_PAPER
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm++-2m",
            "DPM++ 2M",
            _MULTISTEP,
            _multistep("dpmsolver++", 2),
            ("dpmpp_2m", "k_dpmpp_2m"),
            paper=_DPM_PAPER,
        ),
        (*_ALL, "trailing"),
    ),
    (Sampler("dpm++-3m", "DPM++ 3M", _MULTISTEP, _multistep("dpmsolver++", 3), paper=_DPM_PAPER), _ALL),
    (
        Sampler(
            "dpm++-2m-sde",
            "DPM++ 2M SDE",
            _MULTISTEP,
            _multistep("sde-dpmsolver++", 2),
            ("dpmpp_2m_sde", "dpmpp_2m_sde_gpu"),
            stochastic=True,
            paper=_DPM_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm++-2m-sde-heun",
            "DPM++ 2M SDE Heun",
            _MULTISTEP,
            _multistep("sde-dpmsolver++", 2, "heun"),
            ("dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun_gpu"),
            stochastic=True,
            paper=_DPM_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm++-3m-sde",
            "DPM++ 3M SDE",
            _MULTISTEP,
            _multistep("sde-dpmsolver++", 3),
            ("dpmpp_3m_sde", "dpmpp_3m_sde_gpu"),
            stochastic=True,
            paper=_DPM_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm++-2s",
            "DPM++ 2S",
            "DPMSolverSinglestepScheduler",
            {
                "algorithm_type": "dpmsolver++",
                "solver_order": 2,
                "solver_type": "midpoint",
                "lower_order_final": True,
                **_PLAIN_SIGMAS,
            },
            ("dpmpp_2s",),
            paper=_DPM_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "dpm++-sde",
            "DPM++ SDE",
            "DPMSolverSDEScheduler",
            _PLAIN_SIGMAS,
            ("dpmpp_sde", "dpmpp_sde_gpu", "k_dpmpp_sde"),
            ("torchsde",),
            stochastic=True,
            paper=_DPM_PAPER,
        ),
        _ALL,
    ),
    (
        Sampler(
            "unipc",
            "UniPC",
            "UniPCMultistepScheduler",
            {"solver_order": 2, "solver_type": "bh2", **_PLAIN_SIGMAS},
            ("uni_pc_bh2", "uni_pc"),
            paper="arXiv:2302.04867",
        ),
        (*_ALL, "trailing"),
    ),
    (
        Sampler(
            "deis",
            "DEIS",
            "DEISMultistepScheduler",
            {"algorithm_type": "deis", "solver_order": 2, "solver_type": "logrho", **_PLAIN_SIGMAS},
            paper="arXiv:2204.13902",
        ),
        _ALL,
    ),
    (
        Sampler(
            "sa-solver",
            "SA-Solver",
            "SASolverScheduler",
            {
                "algorithm_type": "data_prediction",
                "predictor_order": 2,
                "corrector_order": 2,
                **_PLAIN_SIGMAS,
            },
            ("sa_solver",),
            stochastic=True,
            paper="arXiv:2309.05019",
        ),
        _ALL,
    ),
    (Sampler("lcm", "LCM", "LCMScheduler", stochastic=True, paper="arXiv:2310.04378"), ()),
    (Sampler("tcd", "TCD", "TCDScheduler", paper="arXiv:2402.19159"), ()),
)


def _with_placement(method: Sampler, placement: str) -> Sampler:
    title, overrides, requires = _PLACEMENTS[placement]
    return replace(
        method,
        name=f"{method.name}-{placement}",
        title=f"{method.title} {title}",
        overrides={**method.overrides, **overrides},
        aliases=tuple(f"{alias} {placement}" for alias in method.aliases),
        requires=tuple(dict.fromkeys((*method.requires, *requires))),
    )


def _rows() -> Iterator[Sampler]:
    for method, placements in _METHODS:
        yield method
        for placement in placements:
            yield _with_placement(method, placement)


SAMPLERS: dict[str, Sampler] = {sampler.name: sampler for sampler in _rows()}
