"""Profiles in words: what each sets, what a setting does, and what one does to a plan."""

from collections.abc import Iterator, Mapping

from sdflow.composition import Json
from sdflow.graph.plan import Plan
from sdflow.profiles.possible import idle_here
from sdflow.profiles.profile import BUILT_IN, Chosen, Profile
from sdflow.recipe import yaml_scalar
from sdflow.values import Model
from sdflow.workflow import Prepared


def listed() -> Iterator[str]:
    """The profiles that come along, each with its settings."""
    for name, profile in BUILT_IN.items():
        yield f"{name}: {profile.description}"
        yield from (f"  {line}" for line in _settings(profile))


def written(profile: Profile) -> Iterator[str]:
    """A profile as a file."""
    if profile.description:
        yield f"description: {yaml_scalar(profile.description)}"
    yield from _settings(profile)


def explained() -> Iterator[str]:
    """Every setting: what it takes, what holds without it, and what it does."""
    for name, field in Profile.model_fields.items():
        if name == "description":
            continue
        yield f"{field.alias}: {_scalar(field.default)}"
        yield f"  {' '.join((field.description or '').split())}"


def chosen_lines(chosen: Chosen) -> Iterator[str]:
    """A profile and where it was said, as comments below a recipe; nothing without one."""
    if chosen.name:
        yield f"# profile: {chosen.name} ({chosen.origin})"
        yield from (f"#   {line}" for line in _settings(chosen.profile))


def effects(prepared: Prepared) -> Iterator[str]:
    """What the profile does to a plan, a line for each thing."""
    applied, plan = prepared.profile, prepared.plan
    chosen = applied.chosen
    if not chosen.name:
        return
    yield f"{chosen.name} ({chosen.origin})"
    yield from (f"{name}: {', '.join(fields)}" for name, fields in node_fields(prepared).items())
    yield from (f"{role}: {', '.join(words)}" for role, words in component_words(plan).items())
    yield from _kept_from_loras(chosen, plan)
    if chosen.profile.weights_on_device == 0:
        yield "weights: one component at a time"
    idle = idle_here(chosen, prepared.facts.device)
    if idle:
        yield f"without effect on {prepared.facts.device}: {', '.join(idle)}"


def effects_json(prepared: Prepared) -> Json:
    """The same for programs; null without a profile."""
    chosen = prepared.profile.chosen
    if not chosen.name:
        return None
    return {
        "name": chosen.name,
        "from": chosen.origin,
        "nodes": {name: list(fields) for name, fields in node_fields(prepared).items()},
        "components": {role: list(words) for role, words in component_words(prepared.plan).items()},
    }


def node_fields(prepared: Prepared) -> Mapping[str, tuple[str, ...]]:
    """Fields that the profile turned on, by the name of the node in the recipe, for the nodes of the plan."""
    found: dict[str, dict[str, None]] = {}
    needed = {prepared.plan.graph.nodes[number].origins[0].name for number in prepared.plan.nodes}
    for number, fields in prepared.profile.fields.items():
        name = prepared.profile.graph.nodes[number].origins[0].name
        if name in needed:
            found.setdefault(name, {}).update(dict.fromkeys(it.replace("_", "-") for it in fields))
    return {name: tuple(fields) for name, fields in found.items()}


def component_words(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """What is done to components once they are loaded, by role, of those that are loaded or whose results are kept."""
    found: dict[str, dict[str, None]] = {}
    for model in _models(plan):
        for role, part in model.components.items():
            if part.prepared:
                found.setdefault(role, {}).update(dict.fromkeys(part.prepared))
    return {role: tuple(words) for role, words in found.items()}


def _kept_from_loras(chosen: Chosen, plan: Plan) -> Iterator[str]:
    laid = any(
        part.loras for model in _models(plan) for part in model.components.values() if part.role == "unet"
    )
    asked = {"fused-qkv": chosen.profile.fused_qkv, "compile": chosen.profile.compile}
    words = [word for word, wanted in asked.items() if wanted]
    if laid and words:
        yield f"{', '.join(words)}: not where LoRAs lie on the UNet"


def _models(plan: Plan) -> Iterator[Model]:
    for number in plan.nodes:
        yield from (it for it in plan.inferred.get(number, {}).values() if isinstance(it, Model))


def _settings(profile: Profile) -> Iterator[str]:
    for word, value in profile.changes.items():
        yield f"{word}: {_scalar(value)}"


def _scalar(value: object) -> str:
    return yaml_scalar(value) if isinstance(value, bool | int | float | str) else str(value)
