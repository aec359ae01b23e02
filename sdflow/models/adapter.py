"""From a request to what planning knows of an adapter's file. No torch, no weights."""

from sdflow.models.adapter_file import find_file
from sdflow.models.context import Context
from sdflow.models.embedding_file import embedding_facts
from sdflow.models.lora_header import lora_facts
from sdflow.models.refused import Finding, ModelError, Refused
from sdflow.models.request import AdapterRequest
from sdflow.values import AdapterFacts


def describe_adapter(request: AdapterRequest, context: Context) -> AdapterFacts:
    """Find an adapter's file and describe it.

    Raises:
        ModelError: with what is wrong, and the field that it is about.
    """
    try:
        one = find_file(request, context)
        return embedding_facts(one) if request.kind == "embedding" else lora_facts(one)
    except Refused as error:
        raise ModelError((Finding((error.field,), error.problem),)) from error
