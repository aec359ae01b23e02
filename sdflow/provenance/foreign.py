"""Which other program's record a picture carries, to say so instead of only that sdflow's is missing."""

from collections.abc import Mapping


def foreign_origin(texts: Mapping[str, str]) -> str | None:
    """In words, whose record is among these texts of a picture; None when nobody's is known."""
    if _is_comfy(texts):
        return "a workflow of ComfyUI"
    if "invokeai_metadata" in texts or "sd-metadata" in texts:
        return "metadata of InvokeAI"
    if texts.get("Software", "").startswith("NovelAI"):
        return "metadata of NovelAI"
    if "Steps: " in texts.get("parameters", ""):
        return "generation parameters as AUTOMATIC1111's program writes them"
    return None


def _is_comfy(texts: Mapping[str, str]) -> bool:
    """PNG texts `prompt` and `workflow`; in WebP the same words before the JSON in any camera tag."""
    if any(texts.get(key, "").lstrip().startswith("{") for key in ("prompt", "workflow")):
        return True
    return any(text.startswith(("workflow:{", "prompt:{")) for text in texts.values())
