"""The command `pogson`: its list of verbs, and the exit codes.

Only the verb that is called is imported, so that `pogson --help` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from typing import NoReturn

import click

from pogson import __version__

#: verb -> (module, what it does)
VERBS: dict[str, tuple[str, str]] = {
    "run": ("run", "A whole night: raw frames in, calibrated magnitudes and a report out."),
    "scan": ("scan", "List the frames of a folder: what they are, and where each value came from."),
    "calibrate": ("calibrate", "Write calibrated frames, with their variance and mask."),
    "detect": ("detect", "Find the stars of frames."),
    "solve": ("solve", "Find frames on the sky, and write their WCS; works without a network."),
    "measure": ("measure", "Measure the stars of frames, with the whole error budget."),
    "stack": ("stack", "Shift, scale and combine frames to one deep image."),
    "standardize": ("standardize", "Put a finished run on another catalogue or colour term."),
    "catalog": ("catalog", "Keep reference catalogues at hand: add, fetch, list, cone, export, import."),
    "show": ("show", "Tell what is in a frame, a table or the folder of a run."),
    "plot": ("plot", "Draw a frame, or a picture of a finished run."),
    "simulate": ("simulate", "Write a simulated night, with the truth beside it."),
    "prove": ("prove", "Are the error bars right? Try it on a simulated night of your camera."),
    "new": ("new", "Write a commented settings file with every setting at its default."),
}

EXAMPLES = """\b
Examples:
  pogson run NIGHT --out OUT                        a night, without any question
  pogson run NIGHT --out OUT --catalog stars.csv    ... on the system of a catalogue
  pogson scan NIGHT                                 what is in the folder?
  pogson simulate --out night                       a night to try it on

Exit codes: 0 all good; 3 finished, but some frames failed; 2 wrong use; 1 nothing was produced.

Settings: `pogson new` writes a pogson.toml; give it with --config.
"""


class Verbs(click.Group):
    """The verbs, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of a night's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one verb."""
        if name not in VERBS:
            return None
        module = importlib.import_module(f"pogson.apps.cli.{VERBS[name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Answer a misspelt verb with the nearest right one."""
        import difflib

        if args and args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, 1, 0.5)
            hint = f"; did you mean '{near[0]}'?" if near else f"; there is {', '.join(VERBS)}"
            raise click.UsageError(f"there is no verb '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, about) for name, (_, about) in VERBS.items()])


@click.group(
    cls=Verbs,
    epilog=EXAMPLES,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version")
def pogson() -> None:
    """A night of CCD or CMOS frames in; calibrated magnitudes with proven error bars out.

    Works offline, on the raw frames of any camera, without questions.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command `pogson`."""
    # frames are worked on side by side: threads of linear algebra within each would only be in the way
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # what reads and writes files beside the computation must not wait for its turn longer than it works
    sys.setswitchinterval(0.0005)
    # little that is made is garbage that refers to itself: it is seldom looked for
    gc.set_threshold(5000, 20, 20)
    # memory goes back as a whole at the end: no garbage is looked for in it
    atexit.register(gc.freeze)
    run_command(pogson, arguments)


def run_command(command: click.Command, arguments: list[str] | None = None) -> NoReturn:
    """Run a command; every error on purpose is one line, and an exit code."""
    from pogson.core.errors import PogsonError, SettingError

    try:
        code = command.main(arguments, "pogson", standalone_mode=False)
    except click.UsageError as error:
        where = f" {error.ctx.command_path}" if error.ctx else " pogson"
        _say(f"{error.format_message()} (see:{where} --help)")
        sys.exit(2)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(2)
    except SettingError as error:
        _say(str(error))
        sys.exit(2)
    except PogsonError as error:
        _say(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        _say("stopped; what is done is kept: give the same command again to go on")
        sys.exit(130)
    except BrokenPipeError:  # `pogson scan ... | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _say(line: str) -> None:
    click.echo("pogson: " + " ".join(line.split()), err=True)
