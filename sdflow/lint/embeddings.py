"""Words that a model is taught, and that nobody says."""

from collections.abc import Iterator

from sdflow.graph.build import GraphNode
from sdflow.lint.subject import Subject, finding
from sdflow.nodes.encode_prompt import EncodePrompt
from sdflow.nodes.load_embedding import LoadEmbedding
from sdflow.problems import Problem
from sdflow.values import Model


def unsaid_words(subject: Subject) -> Iterator[Problem]:
    """SDF812: an embedding whose word stands in no prompt that is read by its model."""
    for item, node in subject.nodes(LoadEmbedding):
        word = _word(subject, item)
        if word is None or any(word in _used(subject, reader) for reader in _readers(subject, item)):
            continue
        place = ("token",) if node.token else ("source",)
        message = f"no prompt says `{word}`, so that this embedding changes nothing"
        hint = f"Write `{word}` into a prompt, mostly a negative one, or leave the node out."
        yield finding(item, place, "SDF812", message, hint)


def _word(subject: Subject, item: GraphNode) -> str | None:
    """The word that a node teaches; None where its file is not known."""
    model = subject.inferred.get(item.id, {}).get("model")
    if not isinstance(model, Model):
        return None
    return next(it.adapters[-1].token for it in model.components.values() if it.adapters)


def _readers(subject: Subject, start: GraphNode) -> list[GraphNode]:
    """Every node with prompts whose model comes from a node, also through others that change it."""
    found: list[GraphNode] = []
    seen, stack = {start.id}, [start]
    while stack:
        for item in subject.fed_by(stack.pop().id):
            if item.id in seen:
                continue
            seen.add(item.id)
            if isinstance(item.node, EncodePrompt):
                found.append(item)
            elif "Model" in item.node.outputs.values():
                stack.append(item)
    return found


def _used(subject: Subject, item: GraphNode) -> frozenset[str]:
    """The taught words that the prompts of a node say."""
    model = subject.model_of(item)
    if model is None or not isinstance(item.node, EncodePrompt):
        return frozenset()
    return frozenset(word.token for words in item.node.used_words(model).values() for word in words)
