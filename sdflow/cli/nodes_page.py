"""`docs/nodes.md`, made from the node types."""

from sdflow.cli.node_examples import example
from sdflow.cli.node_facts import TypeFacts, facts_of
from sdflow.cli.nodes import default_text, sampler_families
from sdflow.nodes.builtin import BUILT_IN


def nodes_page() -> str:
    """The page of all built-in node types, in Markdown."""
    types = [facts_of(load()) for load in BUILT_IN.values()]
    head = [
        "# Nodes",
        "",
        "<!-- Made by `python -m sdflow.cli.nodes_page`; a test keeps it current. -->",
        "",
        "Every node of a recipe has a `type` from this page. `$name` is the first output of the node of that name,",
        "`$name.port` any output. Every plain field also takes a param, `$params.name`.",
        "",
        "| type | inputs → outputs | what it does |",
        "| --- | --- | --- |",
        *(f"| [`{it.name}`](#{it.name}) | {it.wiring} | {_cell(it.doc)} |" for it in types),
    ]
    return "\n".join([*head, *(line for it in types for line in _section(it)), *_samplers()]) + "\n"


def _section(facts: TypeFacts) -> list[str]:
    lines = ["", f"## {facts.name}", "", facts.doc, "", "```yaml", example(facts), "```"]
    if facts.inputs:
        lines += ["", "| input | kind | |", "| --- | --- | --- |"]
        lines += [
            f"| `{it.name}` | {'list of ' if it.many else ''}{it.kind}{'' if it.required else ', optional'} "
            f"| {_cell(it.description)} |"
            for it in facts.inputs
        ]
    if facts.fields:
        lines += ["", "| field | takes | default | |", "| --- | --- | --- | --- |"]
        for it in facts.fields:
            default = "required" if it.required else default_text(it).removeprefix("default ")
            shown = f"`{default}`" if default and not it.required else default
            lines.append(f"| `{it.name}` | {_cell(it.values)} | {shown} | {_cell(it.description)} |")
    outputs = ", ".join(f"`{port}` ({kind})" for port, kind in facts.outputs.items())
    return [*lines, "", f"Outputs: {outputs or 'those of the recipe'}."]


def _samplers() -> list[str]:
    lines = [
        "",
        "## Samplers",
        "",
        "`denoise` takes these, and understands the other names. An ending says where the noise levels lie:",
        "`dpm++-2m-karras`.",
        "",
        "| sampler | title | endings | also understood |",
        "| --- | --- | --- | --- |",
    ]
    for it, endings in sampler_families():
        names = ", ".join(f"`{name}`" for name in (*it.aliases, it.class_name))
        lines.append(
            f"| `{it.name}` | {it.title} | {', '.join(f'`-{word}`' for word in endings)} | {names} |"
        )
    return lines


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    print(nodes_page(), end="")
