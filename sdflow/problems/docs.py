"""`docs/errors.md`, made from the table of codes: `python -m sdflow.problems.docs > docs/errors.md`."""

import sys

from sdflow.problems.codes import CODES

_ROOMS = {
    "0": "Everything",
    "1": "The text and form of a recipe",
    "2": "The graph",
    "3": "Models, input files and origins",
    "4": "Diffusion",
    "5": "The store",
    "6": "Devices and running",
    "7": "Output files, the command line, and what lies beside a recipe",
    "8": "What is probably a mistake",
    "9": "Others",
}

_HEAD = """\
# Errors

<!-- Made by `python -m sdflow.problems.docs`; a test keeps it current. -->

Whatever is wrong with a recipe, its files or an option is reported all at once, before anything runs, and ends with
exit code 2. Each problem has a code, and where it has a place in a text, that place:

```text
recipe.yaml:12:12: SDF133 `steps` must be at least 1, not 0
      steps: 0
             ^
  hint: what to do
```

Columns count characters. Places in `command line` are those of `-p`, `-s` and `--matrix`, each in a line of its own.
"""


def errors_page() -> str:
    """The page as Markdown: one table for every hundred of codes."""
    rooms: dict[str, list[str]] = {}
    for code, meaning in sorted(CODES.items()):
        row = f"| `{code}` | {_cell(meaning.title)} | {_cell(meaning.explanation)} |"
        rooms.setdefault(code.removeprefix("SDF")[0], []).append(row)
    tables = [
        "\n".join([f"## {_ROOMS[room]}", "", "| code | title | meaning |", "| --- | --- | --- |", *rows])
        for room, rows in rooms.items()
    ]
    return "\n\n".join([_HEAD.rstrip(), *tables]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(errors_page())
