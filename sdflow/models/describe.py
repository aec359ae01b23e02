"""A model as `sdflow model show` tells it: rows of plain data, and a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdflow.models.checkpoint.taesd import TAESD
from sdflow.models.pickle_header import read_pickle_header
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.request import ROLES
from sdflow.models.safetensors_header import (
    BYTES,
    DTYPES,
    BrokenHeaderError,
    TensorInfo,
    read_header,
)
from sdflow.values import Component, Model


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """What there is to say about one component; sizes in bytes.

    `stored_dtype` is empty where it is unknown, `revision` (a commit) where the model is not from the hub.
    """

    role: str
    class_name: str
    parameters: int
    size: int
    stored_dtype: str
    dtype: str
    digest: str
    where: str
    revision: str
    download: int


def component_rows(model: Model) -> tuple[ComponentRow, ...]:
    """One row for each component, in the order in which a prompt becomes a picture."""
    roles = sorted(model.components, key=lambda role: ROLES.index(role) if role in ROLES else len(ROLES))
    rows = [_row(model.components[role]) for role in roles]
    files = [model.components[role].files for role in roles]
    # What several components share is downloaded once.
    return tuple(
        replace(row, download=0) if files[place] in files[:place] else row for place, row in enumerate(rows)
    )


def component_table(rows: Sequence[ComponentRow]) -> str:
    """The rows as text, in columns."""
    head = ("part", "class", "parameters", "size", "dtype", "digest", "where")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(_aligned(cell, widths[column], column) for column, cell in enumerate(line)).rstrip()
        for line in lines
    )


def human_size(size: int) -> str:
    """Bytes as a reader says them: `3.4 GB`."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:  # noqa: PLR2004  # units of a thousand, as disks and the hub count
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004
        value /= 1000
    return f"{value:.1f} GB"


def _row(component: Component) -> ComponentRow:
    location = component.location
    where = str(location.folder) if location.folder is not None else f"{location.source}, not downloaded"
    return ComponentRow(
        component.role,
        component.class_name,
        component.parameters,
        _stored_size(component),
        stored_dtype(component),
        component.dtype,
        component.digest,
        where,
        location.revision or "",
        location.download_bytes,
    )


def stored_dtype(component: Component) -> str:
    """The dtype of most weights on disk, where the files are here and tell."""
    counts: dict[str, int] = {}
    for info in _stored(component):
        counts[info.dtype] = counts.get(info.dtype, 0) + info.elements
    known = {dtype: count for dtype, count in counts.items() if dtype in DTYPES}
    return DTYPES[max(known, key=lambda dtype: known[dtype])] if known else ""


def _stored_size(component: Component) -> int:
    """Bytes on disk: of whole files, or of the tensors of this component where a file holds more."""
    inside = (
        sum(info.elements * BYTES.get(info.dtype, 0) for info in _stored(component)) if component.part else 0
    )
    return inside or sum(file.size for file in component.files)


def _stored(component: Component) -> list[TensorInfo]:
    """The tensors of a component as its files tell them; none where they are not here or do not tell."""
    folder, found = component.location.folder, []
    for file in component.files:
        if folder is None or component.role.startswith("tokenizer"):
            return []
        read = read_header if file.name.lower().endswith(".safetensors") else read_pickle_header
        try:
            tensors = read(folder / file.name)
        except (OSError, BrokenHeaderError, CodeInPickleError):
            return []
        found += [
            info
            for name, info in tensors.items()
            if name.startswith(component.part) or component.part == TAESD
        ]
    return found


def _cells(row: ComponentRow) -> tuple[str, ...]:
    parameters = f"{row.parameters / 1e6:.1f} M" if row.parameters else ""
    same = not row.stored_dtype or row.stored_dtype == row.dtype
    dtype = row.dtype if same else f"{row.stored_dtype} → {row.dtype}"
    size = human_size(row.size) if row.size else ""
    return row.role, row.class_name, parameters, size, dtype, row.digest[:12], row.where


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in {2, 3} else cell.ljust(width)
