"""From what a graph needs to know to facts: files are digested, pictures measured, models described."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdflow.device import Device
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import AdapterNeed, ComponentNeed, FileFacts, FileNeed, ModelNeed
from sdflow.graph.node import Need
from sdflow.problems import Problem, UserError, problem
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import AdapterFacts, Component, Model


@dataclass(frozen=True, slots=True)
class Resolver:
    """How facts are found: the folder that paths start from, the digest memo, and the models room."""

    base: Path
    digest: Callable[[Path], str]
    describe_model: Callable[[object], Model]
    describe_adapter: Callable[[object], AdapterFacts]
    describe_component: Callable[[object], Component]


@dataclass(frozen=True, slots=True)
class ResolvedFacts:
    """The answers (`sdflow.graph.facts.Facts`)."""

    device: Device
    files: Mapping[str, FileFacts]
    models: Mapping[str, Model]
    adapters: Mapping[str, AdapterFacts] = field(default_factory=dict)
    components: Mapping[str, Component] = field(default_factory=dict)

    def file(self, path: str) -> FileFacts:
        """Facts about a file that was named in the needs."""
        return self.files[path]

    def model(self, token: str) -> Model:
        """The model of a request that was named in the needs, by its token."""
        return self.models[token]

    def adapter(self, token: str) -> AdapterFacts:
        """The adapter file of a request that was named in the needs, by its token."""
        return self.adapters[token]

    def component(self, token: str) -> Component:
        """The component of a request that was named in the needs, by its token."""
        return self.components[token]

    def vocabulary(self, tokenizer: Component, added: tuple[str, ...] = ()) -> Vocabulary:
        """The tokens of texts, found without transformers; `added` are words that textual inversions add."""
        from sdflow.diffusion.tokens import vocabulary_of

        return vocabulary_of(_folder(tokenizer), added)


def _folder(tokenizer: Component) -> Path:
    folder = tokenizer.location.folder
    if folder is None:
        raise AssertionError("tokenizers are brought here while models are described")
    return folder


def resolve(graph: Graph, resolver: Resolver, device: Device) -> ResolvedFacts:
    """Find out everything that the nodes of a graph need to know.

    Raises:
        UserError: every file that cannot be read and every model that cannot be described, at their fields.
    """
    files: dict[str, FileFacts] = {}
    models: dict[str, Model] = {}
    adapters: dict[str, AdapterFacts] = {}
    components: dict[str, Component] = {}
    problems: dict[Problem, None] = {}
    for item in graph.nodes:
        for need in item.node.needs():
            try:
                if isinstance(need, FileNeed) and need.path not in files:
                    files[need.path] = _file(need, resolver)
                elif isinstance(need, ModelNeed) and need.token not in models:
                    models[need.token] = resolver.describe_model(need.request)
                elif isinstance(need, AdapterNeed) and need.token not in adapters:
                    adapters[need.token] = resolver.describe_adapter(need.request)
                elif isinstance(need, ComponentNeed) and need.token not in components:
                    components[need.token] = resolver.describe_component(need.request)
            except UserError as error:
                problems.update(dict.fromkeys(_placed(error, item, need)))
    if problems:
        raise UserError(*problems)
    return ResolvedFacts(device, files, models, adapters, components)


def _placed(error: UserError, item: GraphNode, need: Need) -> tuple[Problem, ...]:
    """The problems at the field that they are about."""
    from sdflow.models.refused import ModelError

    origin = item.origins[0]
    if isinstance(error, ModelError):
        return error.placed(origin.spec.marks, origin.name).problems
    path = need.field if isinstance(need, FileNeed) else ()
    return tuple(problem.placed(origin.at(path), origin.name) for problem in error.problems)


def _file(need: FileNeed, resolver: Resolver) -> FileFacts:
    from sdflow.pictures.input_path import input_path
    from sdflow.pictures.read import facts_of
    from sdflow.values.latent_file import latent_spec_of

    # Not Path.resolve, which raises a RuntimeError for links that lead in a circle.
    path = Path(os.path.realpath(input_path(resolver.base, need.path)))
    latent = latent_spec_of(path) if need.content == "latent" else None
    image = facts_of(path) if latent is None else None
    try:
        digest, size = resolver.digest(path), path.stat().st_size
    except OSError as error:  # it was there a moment ago
        raise problem("SDF346", f"{path} cannot be read: {error.strerror}") from error
    if image is None:
        return FileFacts(path, digest, size, latent=latent)
    return FileFacts(path, digest, size, image.width, image.height, image.channels, image.depth)
