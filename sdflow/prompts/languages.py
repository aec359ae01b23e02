"""From a prompt and the name of its language to what it says in which steps."""

from collections.abc import Callable, Mapping

from sdflow.prompts.comfy import read_comfy
from sdflow.prompts.emphasis import read_emphasis
from sdflow.prompts.fragments import Fragment, Variant, Weighting, refuse_heavy
from sdflow.prompts.schedule import read_schedule


def read_prompt(text: str, weighting: Weighting) -> tuple[Variant, ...]:
    """What a prompt says: one variant for all steps, or several that share them out.

    `compel` prompts come back as they are: compel reads them itself.

    Raises:
        PromptError: the language does not allow it.
    """
    variants = _READERS[weighting](text)
    for variant in variants:
        for part in variant.parts:
            refuse_heavy(text, part)
    return variants


def _read_plain(text: str) -> tuple[Variant, ...]:
    return (Variant(((Fragment(text),),)),)


def _read_a1111(text: str) -> tuple[Variant, ...]:
    return tuple(Variant(read_emphasis(said), span) for span, said in read_schedule(text))


def _read_comfy(text: str) -> tuple[Variant, ...]:
    return (Variant((read_comfy(text),)),)


_READERS: Mapping[Weighting, Callable[[str], tuple[Variant, ...]]] = {
    "plain": _read_plain,
    "a1111": _read_a1111,
    "compel": _read_plain,
    "comfy": _read_comfy,
}
