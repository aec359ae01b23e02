"""The table of the latest figures in `benchmarks/README.md`, made from `results/*.json`.

python -m benchmarks.table
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import shown
from benchmarks.measure import RESULTS

README = Path(__file__).parent / "README.md"
BEGIN = "<!-- made by python -m benchmarks.table from results/*.json -->"
END = "<!-- end of the table -->"
ORDER = (
    "startup",
    "picture",
    "watch",
    "planning",
    "store",
    "resume",
    "single_file",
    "profiles",
    "tiles",
    "golden",
    "gpu",
)


def rows() -> Iterator[tuple[str, ...]]:
    """Benchmark, figure, measured, limit, whether it holds."""
    for name in ORDER:
        path = RESULTS / f"{name}.json"
        if not path.is_file():
            yield (name, "not measured yet", "", "", "")
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        for figure in data["figures"] if "figures" in data else store_figures(data):
            what = f"{figure['what']} {figure['note']}" if figure["note"] else figure["what"]
            limit = figure["limit"]
            holds = "" if limit is None else "yes" if figure["measured"] <= limit else "**no**"
            unit = figure["unit"]
            yield (name, what, shown(figure["measured"], unit), shown(limit, unit), holds)


def store_figures(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those figures of `store.json` that say most; none of them has a limit."""
    size, careful, checked = "picture, 768 KB", "× plain files, flushed", "× plain files, checked"
    chosen = {
        "write 768 KB with its record ÷ a plain file, flushed": data[size]["write"]["sdflow"][careful],
        "read 768 KB, checked ÷ a plain file, checked": data[size]["read"]["sdflow"][checked],
        "verify ÷ sha256 of as many bytes": data["verify"]["verify ÷ sha256"],
        f"look up among {data['look up']['records']:,} records ÷ SQLite": data["look up"]["sdflow ÷ sqlite"],
    }
    for what, measured in chosen.items():
        yield {"what": what, "measured": measured, "limit": None, "unit": "×", "note": ""}


def table() -> str:
    """The table in Markdown, with the machines that it was measured on."""
    head = ("benchmark", "figure", "measured", "limit", "holds")
    lines = [head, ("---",) * len(head), *rows()]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{BEGIN}\n\n{text}\n\n{machines()}\n\n{END}"


def machines() -> str:
    """Where and when, in one sentence for each machine and day."""
    found: dict[str, list[str]] = {}
    for name in ORDER:
        path = RESULTS / f"{name}.json"
        if path.is_file():
            data = json.loads(path.read_text(encoding="utf-8"))
            machine, libraries = data["machine"], data["machine"]["libraries"]
            versions = ", ".join(f"{it} {libraries[it]}" for it in ("torch", "diffusers") if it in libraries)
            where = f"{data['day']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {versions}"
            found.setdefault(where, []).append(name)
    return "\n".join(f"{', '.join(names)}: {where}." for where, names in found.items())


def with_table(text: str) -> str:
    """A page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


def main() -> None:
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
