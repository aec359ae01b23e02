"""From what a recipe says of models and files to what is known of them, for recipes in one folder or another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sdflow.device import Device
from sdflow.resolve.facts import Resolver
from sdflow.store import DigestMemo
from sdflow.values import AdapterFacts, Component, Model

if TYPE_CHECKING:
    # Imported where they are needed: many commands describe no model.
    from sdflow.models.context import Context
    from sdflow.models.fetch import Fetched
    from sdflow.models.request import AdapterRequest, ComponentRequest, ModelRequest


@dataclass(frozen=True, slots=True)
class Describer:
    """Describes models and their parts: from this disk, from what is remembered of a hub, or by asking it.

    `root` is the cache folder, `memo` remembers digests, `device` finds the device when it is first asked.
    """

    root: Path
    memo: DigestMemo
    device: Callable[[], Device]
    offline: bool | None

    def model(self, request: object, base: Path) -> Model:
        """The description of a model, from a request of the models room."""
        from sdflow.models.resolve import resolve_model

        return resolve_model(
            cast("ModelRequest", request),
            base=base,
            device=self.device(),
            memo=self.memo.digest_of,
            cache_root=self.root,
            offline=self.offline,
        )

    def adapter(self, request: object, base: Path) -> AdapterFacts:
        """What is known of an adapter's file, from a request of the models room.

        Raises:
            UserError: there is no such file, or it is no such adapter.
        """
        from sdflow.models.adapter import describe_adapter

        return describe_adapter(cast("AdapterRequest", request), self.context(base))

    def component(self, request: object, base: Path) -> Component:
        """The description of a component that is no part of a model, from a request of the models room.

        Raises:
            UserError: there is no such thing, or it is none that sdflow loads.
        """
        from sdflow.models.alone import describe_component

        return describe_component(cast("ComponentRequest", request), self.context(base), self.device())

    def context(self, base: Path) -> "Context":
        """Where models are looked for, for a recipe in the folder `base`."""
        from sdflow.models.context import Context

        return Context.of_environment(base, self.memo.digest_of, self.root, offline=self.offline)

    def fetch(self, request: object, base: Path, progress: Callable[[int, int], None]) -> "Fetched":
        """Bring a model or a file here that a request of the models room (`PartRequest`) names.

        Raises:
            UserError: there is no such thing, or it cannot be brought here.
        """
        from sdflow.models.fetch import fetch_components, fetch_file
        from sdflow.models.request import ModelRequest, PartRequest

        part = cast("PartRequest", request)
        context = self.context(base)
        fetched = fetch_file(part, context, progress)
        if fetched is not None:
            return fetched
        model = self.model(
            ModelRequest(part.source, part.revision, part.variant, part.subfolder, sha256=part.sha256), base
        )
        return fetch_components(part, model, context, progress)

    def resolver(self, base: Path, pinned: Callable[[object], object] = lambda request: request) -> Resolver:
        """How facts are found for a recipe in the folder `base`; `pinned` says which commits requests mean."""
        return Resolver(
            base,
            self.memo.digest_of,
            lambda request: self.model(pinned(request), base),
            lambda request: self.adapter(pinned(request), base),
            lambda request: self.component(pinned(request), base),
        )
