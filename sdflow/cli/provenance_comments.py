"""A resolved recipe, value by value, with where each came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdflow.cli.tables import shortened
from sdflow.composition import Json
from sdflow.graph.field_kinds import plain_fields, to_json
from sdflow.graph.registry import Registry
from sdflow.recipe import Draft, RecipeFile, yaml_scalar

_COLUMN = 48
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Line:
    """A line of YAML: a key with a value, or (value None, `opens`) a key whose value is on the lines below."""

    path: tuple[str, ...]
    depth: int
    head: str
    value: str
    source: str

    def text(self) -> str:
        """The line with its comment."""
        code = f"{'  ' * self.depth}{self.head} {self.value}".rstrip()
        return f"{code.ljust(_COLUMN)}  # {self.source}" if self.source else code


def config_lines(recipe: RecipeFile, drafted: Draft, registry: Registry) -> Iterator[Line]:
    """Every value of the recipe with all changes in it, and the defaults of fields that it leaves out."""
    explained = _Explained(recipe, drafted)
    for section, value in drafted.composition.resolved.items():
        path = (section,)
        if section == "nodes" and isinstance(value, dict):
            yield Line(path, 0, "nodes:", "", "")
            for name, node in value.items():
                yield Line((*path, name), 1, f"{name}:", "", "")
                yield from explained.node(name, node, registry)
        else:
            yield from _lines(path, 0, f"{section}:", value, explained)


@dataclass(frozen=True, slots=True)
class _Explained:
    recipe: RecipeFile
    drafted: Draft

    def source(self, path: tuple[str, ...]) -> str:
        """Where the value at a path came from."""
        if path[0] == "params" and (len(path) == 2 or path[-1] == "default"):  # noqa: PLR2004 - section and name
            return self.param(path[1])
        if path[0] == "matrix" and len(path) > 1:
            origins = [str(cell[path[1]]) for cell in self.drafted.cells if path[1] in cell]
            if "--matrix" in origins:
                return "--matrix"
        set_by = next((it for name, it in self.drafted.fields.items() if name == ".".join(path)), None)
        return str(set_by) if set_by is not None else self.line(path)

    def param(self, name: str) -> str:
        """Where a param's value came from."""
        origin = self.drafted.params.get(name)
        if origin is None:
            return "no value outside the matrix"
        return self.line(("params", name)) if origin.kind == "default" else str(origin)

    def line(self, path: tuple[str, ...]) -> str:
        """The line of the recipe, where it says this."""
        mark = self.recipe.marks.mark
        for part in path:
            child = mark.child(part)
            if child is None:
                return "default"
            mark = child
        position = self.recipe.marks.at(path)
        return f"line {position.line}"

    def node(self, name: str, node: Json, registry: Registry) -> Iterator[Line]:
        """The fields of a node, then the defaults of those that it leaves out."""
        written: Mapping[str, Json] = node if isinstance(node, dict) else {}
        for key, value in written.items():
            yield from _lines(("nodes", name, key), 2, f"{key}:", value, self)
        node_type = registry.get(str(written.get("type")))
        for field in plain_fields(node_type) if node_type else ():
            info = node_type.model_fields[field] if node_type else None
            key = (info.alias if info else None) or field
            if info is None or key in written or info.is_required() or info.default in (None, "", ()):
                continue
            yield Line(("nodes", name, key), 2, f"{key}:", yaml_scalar(to_json(info.default)), "default")

    def reference(self, value: Json) -> str:
        """What `$params.name` stands for: its value in all cells, or that it varies."""
        if not (isinstance(value, str) and value.startswith("$params.")):
            return ""
        name = value.removeprefix("$params.")
        values = [cell.params.get(name) for cell in self.drafted.composition.cells]
        if any(it != values[0] for it in values):
            return f"{len(values)} values, from the matrix"
        where = self.param(name) if name in self.drafted.params else "matrix"
        drawn = ", drawn while planning" if values[0] == "random" else ""
        return f"{shortened(yaml_scalar(values[0]), _LONGEST)}{drawn} ({where})"


def _lines(
    path: tuple[str, ...], depth: int, head: str, value: Json, explained: _Explained
) -> Iterator[Line]:
    if isinstance(value, dict) and value:
        yield Line(path, depth, head, "", "")
        for key, item in value.items():
            yield from _lines((*path, key), depth + 1, f"{yaml_scalar(key)}:", item, explained)
        return
    comment = explained.source(path)
    meant = explained.reference(value)
    shown = yaml_scalar(value) if not isinstance(value, list) else f"[{', '.join(map(yaml_scalar, value))}]"
    yield Line(path, depth, head, shown, meant or comment)
