"""`safety-check`: pictures that should not be shown are hidden, or end the run."""

from collections.abc import Mapping
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec, Mask, MaskSpec, SafetyChecker
from sdflow.values.safety_checker import CHECKER_ROLE

_RGB = 3


class SafetyCheck(Node, type="safety-check", version=1):
    """Flag pictures that look unsafe to Stable Diffusion's safety checker, and hide them.

    The checker knows a few concepts, sees a picture at 224×224 pixels and errs in both directions. A batch has its size
    before anything runs, so that dropped pictures stay in it, in black, for the nodes that come after; no file is
    written of them or of what is made from them, and the run says so. The unchecked pictures are kept in the cache as
    results of other nodes; only what is written from this one is checked.
    """

    outputs = {"image": "Image", "flagged": "Mask"}
    lane = "device"
    numeric = True

    checker: Input[SafetyChecker]
    """The checker, from load-safety-checker."""
    image: Input[Image]
    """The pictures; every one of a batch is looked at for itself."""
    action: Literal["blur", "black", "drop", "fail"] = "black"
    """What becomes of a flagged picture: black as in diffusers, or blurred beyond recognition; drop writes no file
    of it (sheets and animations show it in black); fail ends the run."""

    @property
    def withholds(self) -> str | None:
        """Flagged pictures, where they are to be dropped."""
        return "flagged" if self.action == "drop" else None

    def components(self, model: SafetyChecker) -> frozenset[str]:
        """The network."""
        return frozenset({CHECKER_ROLE})

    def infer(
        self, facts: Facts, checker: SafetyChecker, image: ImageSpec
    ) -> Mapping[str, ImageSpec | MaskSpec]:
        """Pictures as before, and for each a mask that is white all over where it was flagged.

        Raises:
            Refusal: a picture with alpha, under which anything may be hidden.
        """
        if image.channels != _RGB:
            message = "the picture has an alpha channel, under which the checker cannot look"
            hint = "check it before set-alpha, or write alpha: drop in its load-image node"
            raise Refusal(message, field="image", code="SDF448", hint=hint)
        return {"image": image, "flagged": MaskSpec(image.batch, image.height, image.width)}

    def cost(self, checker: SafetyChecker, image: ImageSpec) -> Cost:
        """Proportional to the pictures and the size of the network."""
        return Cost(image.batch * checker.components[CHECKER_ROLE].parameters)

    def run(self, ctx: RunContext, checker: SafetyChecker, image: Image) -> Mapping[str, Image | Mask]:
        """Look at every picture."""
        from sdflow.diffusion.safety import flags_of
        from sdflow.pictures.hide import blackened, blurred, flags_shown
        from sdflow.pictures.pil import eight_bits
        from sdflow.problems import NodeFailedError

        with ctx.module(checker, CHECKER_ROLE) as module:
            pixels = eight_bits(image.pixels)
            flags = flags_of(module, pixels, device=str(ctx.device), on_item=ctx.progress)
        if self.action == "fail" and any(flags):
            numbers = ", ".join(str(number) for number, flag in enumerate(flags) if flag)
            raise NodeFailedError(
                f"the safety checker flagged {sum(flags)} of {len(flags)} pictures: item {numbers}",
                hint="try another prompt or seed; action: blur, black or drop hides them and goes on",
            )
        hidden = blurred(image, flags) if self.action == "blur" else blackened(image, flags)
        return {"image": hidden, "flagged": flags_shown(image, flags)}
