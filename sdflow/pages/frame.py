"""What all pages share: the frame around them, their colours, and texts and pictures as parts of HTML.

A page fetches nothing and runs nothing, and says so to the browser (Content-Security-Policy): should a text ever get
through unescaped, it still could do neither.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --card: #f6f8fa;
  --good: #1a7f37; --good-back: #dafbe1; --bad: #c61c29; --bad-back: #ffebe9;
  --run: #bf8700; --run-back: #fff3d6; --kept: #2da44e; --link: #0969da;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0d1117; --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --card: #161b22;
    --good: #3fb950; --good-back: #12261e; --bad: #ff7b72; --bad-back: #2d1517;
    --run: #d29922; --run-back: #3d2e05; --kept: #3fb950; --link: #4493f8;
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body {
  margin: 0 auto; padding: 1rem clamp(0.9rem, 3vw, 2rem) 3rem; max-width: 76rem;
  background: var(--back); color: var(--text);
  font: 16px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.7rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 0 }
p { margin: 0.3rem 0 }
code, pre { font: 0.85rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace }
.dim { color: var(--dim) }
.small { font-size: 0.85rem }
.mark {
  display: inline-block; padding: 0.05rem 0.55rem; border-radius: 1rem; font-size: 0.82rem; font-weight: 600;
  white-space: nowrap; color: var(--dim); background: var(--card); border: 1px solid currentColor;
}
.mark.good { color: var(--good); background: var(--good-back) }
.mark.bad { color: var(--bad); background: var(--bad-back) }
.mark.run { color: var(--run); background: var(--run-back) }
.card { margin: 1rem 0; padding: 0.9rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px }
.card.bad { border-color: var(--bad) }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.3rem 0.7rem }
.pictures {
  display: grid; gap: 1rem; margin: 0.8rem 0 0; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr))
}
figure { margin: 0; min-width: 0 }
figcaption { margin-top: 0.3rem; font-size: 0.85rem; color: var(--dim) }
img { display: block; width: 100%; height: auto; background: var(--card); border: 1px solid var(--line) }
.exact img { image-rendering: pixelated }
.scroll { overflow-x: auto; max-width: 100% }
pre { margin: 0; padding: 0.9rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto; overflow-wrap: normal; tab-size: 2 }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; overflow-wrap: normal }
th, td { padding: 0.35rem 0.8rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left }
td { vertical-align: top }
td:first-child { min-width: 7rem }
td:last-child { min-width: 9rem }
th { color: var(--dim); font-weight: 600; white-space: nowrap }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
"""


def text(value: object) -> str:
    """Anything as text, inside an element or an attribute."""
    return escape(str(value), quote=True)


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page; `body` and `style` are HTML and CSS already, the title is text."""
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{text(title)}</title>",
            f"<style>{_STYLE}{style}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>\n",
        )
    )


def mark(word: str, kind: str = "") -> str:
    """A word in a coloured frame; `kind` is good, bad, run or nothing."""
    return f'<span class="mark {kind}">{text(word)}</span>'


def picture(content: bytes, caption: str, mime: str = "image/png") -> str:
    """A picture, inside the page, and what it is."""
    source = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    words = text(caption)
    return f'<figure><img src="{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of texts, which scrolls by itself where it is too wide; columns in `numbers` are set flush right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        marks = (' class="number"' if column in numbers else "" for column in range(len(row)))
        return "".join(f"<{tag}{mark}>{text(it)}</{tag}>" for it, mark in zip(row, marks, strict=True))

    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows]
    top = f"<thead><tr>{cells('th', head)}</tr></thead>" if any(head) else ""
    return f'<div class="scroll"><table>{top}<tbody>{"".join(lines)}</tbody></table></div>'
