"""Random recipes and texts for property tests."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
# Everything that a YAML text may hold, and what is special in it more often.
TEXTS = st.text(
    st.one_of(
        st.sampled_from(list("$${}[]:,'\"#&*!|>%@`-?~0123456789.eEx_ \\/<\n\t")),
        st.characters(codec="utf-8"),
    ),
    max_size=12,
) | st.sampled_from(
    ["no", "null", "1e-4", "0o17", "0x1F", ".nan", "~", "true", "12:30", "$a", "$$a", "<<", ""]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS: st.SearchStrategy[Any] = st.booleans() | NUMBERS | TEXTS
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """A valid recipe as JSON, texts not yet escaped; its outputs are named by cell and number."""
    params = draw(st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3), max_size=4))
    names = draw(st.lists(NAMES.filter(lambda name: name != "params"), min_size=1, max_size=4, unique=True))
    nodes = {name: {"type": "any", **draw(st.dictionaries(NAMES, JSON, max_size=3))} for name in names}
    for node in nodes.values():
        node["type"] = "any"
    axes = draw(st.lists(st.sampled_from(sorted(params)), max_size=2, unique=True)) if params else []
    matrix = {name: [params[name]] for name in axes if name not in ("include", "exclude")}
    outputs = {f"{{cell}}-{number}.png": name for number, name in enumerate(names)}
    return {"params": params, "nodes": nodes, "outputs": outputs, "matrix": matrix}
