"""`sdflow nodes`: the vocabulary of recipes."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sdflow.cli.completing import complete_types
from sdflow.cli.node_facts import FieldFacts, TypeFacts, facts_of
from sdflow.cli.tables import paint, table, terminal_width
from sdflow.graph.registry import Registry
from sdflow.problems import problem

if TYPE_CHECKING:
    from sdflow.diffusion.samplers import Sampler

_PLACEMENTS = ("karras", "exponential", "beta", "trailing")
"""Endings that say where a sampler's noise levels lie."""


_WITH_OTHER_NAMES = 100
"""Columns from which the table of samplers has room for their other names."""


@click.command()
@click.argument("node_type", required=False, metavar="[TYPE]", shell_complete=complete_types)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(node_type: str | None, as_json: bool) -> None:  # noqa: FBT001 - click calls by name
    """List all node types, or describe one: its inputs, outputs, fields and an example."""
    from sdflow.nodes.builtin import default_registry

    registry = default_registry()
    types = [facts_of(it) for it in registry] if node_type is None else [_one(node_type, registry)]
    if as_json:
        shown = [asdict(it) for it in types]
        click.echo(json.dumps(shown if node_type is None else shown[0], ensure_ascii=False, indent=2))
    elif node_type is None:
        click.echo(overview(types))
    else:
        click.echo(description(types[0]))


def overview(types: list[TypeFacts]) -> str:
    """All types, with what goes in and comes out."""
    named = max(len(it.name) for it in types)
    width = terminal_width() - named - 2
    lines = []
    for it in types:
        lines.append(f"{paint(it.name.ljust(named), 'cyan')}  {it.wiring}")
        lines += [f"{' ' * named}  {paint(line, 'dim')}" for line in _wrapped(_first_sentence(it.doc), width)]
    return "\n".join([*lines, "", "sdflow nodes TYPE says everything about one of them."])


def description(facts: TypeFacts) -> str:
    """Everything about one type."""
    width = terminal_width()
    parts = [
        f"{paint(facts.name, 'bold')}  {paint(f'version {facts.version}', 'dim')}",
        *_wrapped(facts.doc, width),
    ]
    if facts.inputs:
        rows = [[paint(it.name, "cyan"), _taken(it), it.description] for it in facts.inputs]
        parts += ["", paint("Inputs", "bold"), _indented(rows, width)]
    ports = list(facts.outputs.items())
    references = [
        f"$node.{port}" if place else f"$node or $node.{port}" for place, (port, _) in enumerate(ports)
    ]
    rows = [[paint(port, "cyan"), kind, ref] for (port, kind), ref in zip(ports, references, strict=True)]
    if rows:
        parts += ["", paint("Outputs", "bold"), _indented(rows, width)]
    if facts.fields:
        parts += ["", paint("Fields", "bold")]
        for it in facts.fields:
            default = "required" if it.required else default_text(it)
            takes = f"{it.values}{f'; {default}' if default else ''}"
            first, *more = _wrapped(takes, width - len(it.name) - 4)
            parts.append(f"  {paint(it.name, 'cyan')}  {first}")
            parts += [f"  {' ' * len(it.name)}  {line}" for line in more]
            parts += [f"      {line}" for line in _wrapped(it.description, width - 6)]
    if facts.name == "denoise":
        parts += ["", paint("Samplers", "bold"), *_samplers(width)]
    from sdflow.cli.node_examples import example

    return "\n".join(
        [*parts, "", paint("Example", "bold"), *(f"  {line}" for line in example(facts).splitlines())]
    )


def default_text(field: FieldFacts) -> str:
    """`default 25`; nothing where leaving the field out means that there is none."""
    if field.default is None or field.default in ("", []):
        return ""
    shown = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    shown = shown.lower() if isinstance(field.default, bool) else shown
    return f"default {shown}"


def _one(name: str, registry: Registry) -> TypeFacts:
    found = registry.get(name)
    if found is None:
        near = registry.nearest(name)
        hint = f"did you mean {near}?" if near else "sdflow nodes lists all types"
        raise problem("SDF727", f"there is no node type {name}", hint=hint)
    return facts_of(found)


def _taken(field: FieldFacts) -> str:
    kind = f"list of {field.kind}" if field.many else field.kind
    return kind if field.required else f"{kind}, optional"


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".")


def _indented(rows: list[list[str]], width: int) -> str:
    return table(["", "", ""], rows, elastic=2, width=width, indent="  ", wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def _samplers(width: int) -> list[str]:
    """The methods with their placements of noise levels, and what else is understood."""
    rows = [
        [
            paint(it.name, "cyan"),
            it.title,
            ", ".join(f"-{ending}" for ending in endings),
            ", ".join(_other_names(it)),
        ]
        for it, endings in sampler_families()
    ]
    head = ["name", "title", "also with", "also understood"]
    if width < _WITH_OTHER_NAMES:
        fewer = table(head[:3], [row[:3] for row in rows], indent="  ")
        return [fewer, *_wrapped_other_names(width)]
    return [table(head, rows, elastic=3, width=width, indent="  ")]


def _wrapped_other_names(width: int) -> list[str]:
    text = "Also understood: the names of diffusers, A1111, ComfyUI and k-diffusion (a wider terminal shows them)."
    return ["", *(f"  {line}" for line in _wrapped(text, width - 2))]


def sampler_families() -> "list[tuple[Sampler, list[str]]]":
    """Each sampler that is no variant of another one, with the endings of its variants, such as `karras`."""
    from sdflow.diffusion.samplers import SAMPLERS

    families: dict[str, list[str]] = {}
    for name in SAMPLERS:
        base, _, ending = name.rpartition("-")
        if base in families and ending in _PLACEMENTS:
            families[base].append(ending)
        else:
            families[name] = []
    return [(SAMPLERS[name], endings) for name, endings in families.items()]


def _other_names(sampler: "Sampler") -> tuple[str, ...]:
    return (*sampler.aliases, sampler.class_name)
