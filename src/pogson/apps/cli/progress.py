"""Progress on the terminal: a bar with the time left; plain lines where there is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType


class TerminalProgress:
    """Bars on a terminal, one line per stage elsewhere. Use as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.console = Console(file=sys.stderr, highlight=False, quiet=quiet)
        self.bars = Bars(
            TextColumn("{task.description:<34}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal or quiet,
            refresh_per_second=2,  # drawing bars takes its share of the interpreter's lock
        )
        self.task: int | None = None

    def __enter__(self) -> TerminalProgress:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` parts."""
        if self.bars.disable:
            self.console.print(f"{name} ({total})" if total > 1 else name)
        else:
            self.task = self.bars.add_task(name, total=max(total, 1))

    def advance(self) -> None:
        """Say that one part is done."""
        if not self.bars.disable and self.task is not None:
            self.bars.advance(self.task)  # type: ignore[arg-type]

    def say(self, line: str) -> None:
        """Show one line that matters."""
        self.console.print(line, markup=False, soft_wrap=True)
