"""The recipes that sdflow brings along: in the wheel beside the code, in a checkout at its top."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sdflow.graph.field_kinds import file_fields
from sdflow.graph.registry import Registry
from sdflow.problems import nearest, problem
from sdflow.recipe import RecipeFile, read_recipe
from sdflow.recipe.whole import RECIPE


@dataclass(frozen=True, slots=True)
class Shipped:
    """A recipe that users copy. `assets` are the files that it reads, relative to it."""

    name: str
    path: Path
    recipe: RecipeFile

    @property
    def description(self) -> str:
        """One line for people."""
        return self.recipe.recipe.description

    def assets(self, registry: Registry) -> tuple[str, ...]:
        """The files that its nodes read, as it names them; those that a caller names are left out.

        So are recipes that it uses, and the files that those read.
        """
        found: dict[str, None] = {}
        for inner in self._used():
            found[inner.relative_to(self.path.parent).as_posix()] = None
            further = Shipped(inner.stem, inner, read_recipe(inner)).assets(registry)
            found |= {
                (inner.parent / name).relative_to(self.path.parent).as_posix(): None for name in further
            }
        for node in self.recipe.recipe.nodes.values():
            node_type = registry.get(str(node.get("type")))
            for field, _ in file_fields(node_type) if node_type else ():
                value = node.get(field.replace("_", "-"))
                if isinstance(value, str) and value.startswith("$params."):
                    param = self.recipe.recipe.params.get(value.removeprefix("$params."))
                    value = param.default if param is not None else None
                if isinstance(value, str) and (self.path.parent / value).is_file():
                    found[value] = None
        return tuple(found)

    def _used(self) -> list[Path]:
        """The recipes that its nodes name."""
        nodes = self.recipe.recipe.nodes.values()
        names = {str(node.get("path")): None for node in nodes if node.get("type") == RECIPE}
        return [self.path.parent / name for name in names]


def folder() -> Path:
    """Where they are."""
    package = Path(str(files("sdflow")))
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def shipped() -> tuple[Shipped, ...]:
    """All of them, by name."""
    paths = sorted(folder().glob("*.yaml"), key=lambda path: path.stem)
    return tuple(Shipped(path.stem, path, read_recipe(path)) for path in paths)


def find_shipped(name: str) -> Shipped:
    """The one of a name.

    Raises:
        UserError: SDF722, there is none.
    """
    path = folder() / f"{name}.yaml"
    known = [it.stem for it in sorted(folder().glob("*.yaml"), key=lambda path: path.stem)]
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else f"there are: {', '.join(known)}"
        raise problem("SDF722", f"sdflow comes with no recipe {name}", hint=hint)
    return Shipped(name, path, read_recipe(path))
