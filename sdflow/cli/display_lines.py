"""Events of a run in words, the same on a terminal and in a log."""

from sdflow.cli.tables import paint, printable, shortened
from sdflow.cli.units import duration, size
from sdflow.engine.events import (
    Downloading,
    Event,
    ModelMoved,
    NodeDiffers,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    OutputWithheld,
    RunFinished,
    RunStarted,
    SeedDrawn,
    Warned,
)

_LONGEST_REASON = 60


def failure_lines(event: NodeFailed) -> list[str]:
    """What failed, where, and what to do."""
    lines = [f"{paint('failed', 'red')} {event.where}: {event.node}: {printable(event.message)}"]
    if event.traceback:
        lines += [paint(printable(line), "dim") for line in event.traceback.rstrip().splitlines()]
    return [*lines, f"       {paint(printable(event.hint), 'dim')}"] if event.hint else lines


def started_line(event: RunStarted) -> str:
    """What begins."""
    cached = f", {event.cached} cached" if event.cached else ""
    what = f"{event.run} {'node' if event.run == 1 else 'nodes'} to run" if event.run else "nothing to run"
    return f"{event.recipe} on {event.device}: {what}{cached}"


def finished_node_line(event: NodeFinished, reason: str) -> str:
    """What was done, how long it took, and why it was done."""
    why = paint(shortened(printable(reason), _LONGEST_REASON), "dim")
    return f"{paint('✓', 'green')} {event.node}  {duration(event.seconds)}  {why}".rstrip()


def withheld_line(event: OutputWithheld) -> str:
    """Which file is not there, and whose doing that is."""
    return f"{paint('not written', 'yellow')} {printable(event.path)}: {event.by} flagged the picture"


def differing_line(event: NodeDiffers) -> str:
    """Which node gave two results, and how far apart they are."""
    against = "what was kept, made with the same versions here" if event.kept else "its second time"
    how = f" ({printable('; '.join(event.deviations))})" if event.deviations else ""
    return f"{paint('differs', 'red')} {event.node}: other bits than {against}{how}"


def other_line(event: Event) -> str | None:
    """Whatever else is worth a line; None for what is not."""
    match event:
        case NodeSkipped():
            return paint(f"- {event.node}: skipped, {event.because}", "dim")
        case NodeDiffers():
            return differing_line(event)
        case SeedDrawn():
            return f"  {event.node}: seed {printable(str(event.seed))} drawn"
        case OutputWithheld():
            return withheld_line(event)
        case Warned():
            return f"{paint('warning', 'yellow')} {printable(event.message)}"
        case ModelMoved():
            time = f" in {duration(event.seconds)}" if event.seconds else ""
            nbytes = f", {size(event.bytes)}" if event.bytes else ""
            return paint(f"  {event.component}: {event.action}{nbytes}{time}", "dim")
        case Downloading() if event.done >= event.total:
            return paint(f"  {event.component}: downloaded, {size(event.total)}", "dim")
        case _:
            return None


def summary_line(event: RunFinished, cached: int) -> str:
    """How it ended: `done in 4.2 s: 3 ran, 5 cached`."""
    twice = ""
    if event.differing is not None:
        found = paint(f"{event.differing} gave other bits", "red") if event.differing else "the same bits"
        twice = f" twice ({found})"
    counts = [f"{event.ran} ran{twice}"] if event.ran or not cached else []
    counts += [f"{cached} cached"] if cached else []
    counts += [paint(f"{event.failed} failed", "red")] if event.failed else []
    counts += [f"{event.skipped} skipped"] if event.skipped else []
    how = "done"
    if event.failed:
        how = paint("failed", "red")
    if event.interrupted:
        how = paint("stopped", "yellow")
    kept = "; what is finished is kept" if event.interrupted or event.failed else ""
    return f"{how} in {duration(event.seconds)}: {', '.join(counts)}{kept}"
