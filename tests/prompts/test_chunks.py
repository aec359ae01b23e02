"""How prompts fill chunks, with a tokenizer that makes one token of every letter: `a` is 0, `b` 1, a comma 99."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.prompts import Weighting, read_prompt
from sdflow.prompts.chunks import Chunk, Layout, Long, lay_out, padded
from sdflow.prompts.vocabulary import FIRST_VECTOR, Vocabulary, unknown_embeddings
from sdflow.values import Tokens

COMMA = 99


def letters(text: str) -> Tokens:
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    return Tokens(tuple(COMMA if text[it] == "," else ord(text[it]) - 97 for it in places), tuple(places))


def laid_out(
    prompt: str, weighting: Weighting, room: int = 75, long: Long = "chunk", **more: object
) -> Layout:
    (variant,) = read_prompt(prompt, weighting)
    vocabulary = Vocabulary(letters, {COMMA: ",</w>"}.get, room, **more)  # type: ignore[arg-type]  # dicts of tuples
    return lay_out(variant, weighting, vocabulary, long)


def shown(layout: Layout) -> list[str]:
    """Chunks as letters; vectors as digits."""

    def letter(token: int) -> str:
        if token >= FIRST_VECTOR:
            return str(token - FIRST_VECTOR)
        return "," if token == COMMA else chr(token + 97)

    return ["".join(letter(token) for token in chunk.ids) for chunk in layout.chunks]


# language, prompt, room → chunks
CHUNKS: list[tuple[Weighting, str, int, list[str]]] = [
    ("plain", "", 4, [""]),
    ("plain", "abc", 4, ["abc"]),
    ("plain", "abcd", 4, ["abcd"]),
    ("plain", "abcdefghi", 4, ["abcd", "efgh", "i"]),
    ("a1111", "", 4, [""]),
    ("a1111", "abcd", 4, ["abcd"]),
    ("a1111", "abcdef", 4, ["abcd", "ef"]),
    ("a1111", "a,bcdef", 4, ["a,", "bcde", "f"]),  # the comma is near: what follows it stays together
    ("a1111", "a,b,cdef", 4, ["a,b,", "cdef"]),
    ("a1111", "abcd,ef", 4, ["abcd", ",ef"]),  # a comma that does not fit begins the next chunk
    ("a1111", "abcd,efgh", 4, ["abcd", ",efg", "h"]),  # and no longer counts as one to end it at
    ("a1111", "a,bcd,efghi", 6, ["a,bcd,", "efghi"]),
    ("a1111", "a BREAK b", 4, ["a", "b"]),
    ("a1111", "abcd BREAK b", 4, ["abcd", "b"]),
    ("a1111", "abcde BREAK b", 4, ["abcd", "e", "b"]),
    ("a1111", "BREAK a", 4, ["", "a"]),
    ("a1111", "a BREAK BREAK b", 4, ["a", "", "b"]),
    ("a1111", "a BREAK", 4, ["a"]),
    ("comfy", "", 4, [""]),
    ("comfy", "ab cd ef", 4, ["abcd", "ef"]),
    ("comfy", "abc de f", 4, ["abc", "def"]),  # a word stays whole
    ("comfy", "a bcdefghij k", 6, ["abcdef", "ghijk"]),  # unless it has eight tokens or more
    ("comfy", "abc(de:1.2)", 4, ["abc", "de"]),
]


@pytest.mark.parametrize(("weighting", "prompt", "room", "chunks"), CHUNKS)
def test_chunks_by_the_table(weighting: Weighting, prompt: str, room: int, chunks: list[str]) -> None:
    assert shown(laid_out(prompt, weighting, room)) == chunks


@pytest.mark.parametrize(("after", "first"), [(0, 75), (19, 56), (20, 75)])
def test_a_comma_is_near_when_it_is_among_the_last_twenty_tokens(after: int, first: int) -> None:
    """75 tokens, the last comma followed by `after` of them, and one token more."""
    prompt = "a" * (74 - after) + "," + "b" * (after + 1)
    layout = laid_out(prompt, "a1111")
    assert len(layout.chunks[0].ids) == first
    assert layout.count == 76


def test_every_token_has_its_weight() -> None:
    assert laid_out("a (b:2) c", "a1111").chunks == (Chunk((0, 1, 2), (1.0, 2.0, 1.0)),)
    assert laid_out("a (b:2) c", "comfy").chunks == (Chunk((0, 1, 2), (1.0, 2.0, 1.0)),)


def test_what_is_cut_and_where() -> None:
    fits = laid_out("abcd", "plain", 4, "truncate")
    assert (fits.count, fits.cut) == (4, None)
    for weighting in ("plain", "a1111", "comfy"):
        cut = laid_out("ab cdefg", weighting, 4, "truncate")
        assert (cut.count, cut.longest, shown(cut)[0][:2]) == (7, 7, "ab")
        assert len(cut.chunks) == 1
    assert laid_out("ab cdefg", "plain", 4, "truncate").cut == 5
    assert laid_out("ab cdefg", "comfy", 4, "truncate").cut == 3, (
        "comfy cuts before the word that is too long"
    )
    parts = laid_out("ab BREAK (cdefgh:2)", "a1111", 4, "truncate")
    assert (shown(parts), parts.text[parts.cut :]) == (["ab", "cdef"], "gh")


WRITTEN = {
    (4, 5): (FIRST_VECTOR, FIRST_VECTOR + 1),
    (4, 5, 6): tuple(range(FIRST_VECTOR + 2, FIRST_VECTOR + 5)),
}


def test_rows_of_tokens_become_vectors_the_longest_first() -> None:
    layout = laid_out("a ef b efg (ef:2)", "a1111", written=WRITTEN)
    assert shown(layout) == ["a01b23401"]
    assert layout.chunks[0].weights[-2:] == (2.0, 2.0)
    assert layout.count == 9


def test_vectors_stay_together() -> None:
    assert shown(laid_out("abc ef d", "a1111", 4, written=WRITTEN)) == ["abc", "01d"]
    assert shown(laid_out("abc ef d", "a1111", 4, "truncate", written=WRITTEN)) == ["abc"]
    assert shown(laid_out("abcefd", "plain", 4, "truncate", written=WRITTEN)) == ["abc0"]


def test_comfy_calls_vectors_by_name() -> None:
    named = {"Good-1": WRITTEN[4, 5], "x,": (FIRST_VECTOR + 7,)}
    layout = laid_out("a (embedding:Good-1:2),b embedding:x, embedding:Good-1,, c", "comfy", named=named)
    assert shown(layout) == ["a01,b701,,c"]
    for ending in (".pt", ".safetensors", ".bin"):
        said = laid_out(f"a embedding:Good-1{ending}, b", "comfy", named=named)
        assert shown(said) == ["a01,b"], "a name may be that of its file"
    own = {**named, "Good-1.pt": (FIRST_VECTOR + 5,)}
    assert shown(laid_out("embedding:Good-1.pt", "comfy", named=own)) == ["5"], (
        "a word with an ending is first"
    )
    (variant,) = read_prompt("embedding:Good-1, embedding:other, xembedding:z", "comfy")
    assert unknown_embeddings(variant.parts[0], ["Good-1"]) == ("other",)


def test_all_are_brought_to_the_same_number_of_chunks() -> None:
    long, short = laid_out("abcdef", "a1111", 4), laid_out("a", "a1111", 4)
    assert padded([long, short], 2) == (long.chunks, (*short.chunks, Chunk()))


@given(
    st.text(alphabet="ab, ", max_size=60), st.sampled_from(["plain", "a1111", "comfy"]), st.integers(1, 30)
)
def test_chunks_hold_every_token_in_its_order(prompt: str, weighting: Weighting, room: int) -> None:
    layout = laid_out(prompt, weighting, room)
    assert [token for chunk in layout.chunks for token in chunk.ids] == list(letters(prompt).ids)
    assert all(len(chunk.ids) == len(chunk.weights) <= room for chunk in layout.chunks)
    assert (layout.cut is None) == (layout.count <= room)
