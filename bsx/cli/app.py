"""The program: finds the command, runs it, and turns what goes wrong into one line.

A command's module is imported when that command is invoked and not before, so that
``bsx --help`` and ``bsx calc`` start without the libraries that training needs.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bsx import streams
from bsx.errors import (
    EXIT_DONE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED_TWICE,
    EXIT_UNUSABLE,
    EXIT_USAGE,
    BsxError,
    Stopped,
)

# name → where it is, and what `bsx --help` says of it. What is there is a function or a Typer app.
COMMANDS: dict[str, tuple[str, str]] = {
    "calc": ("bsx.cli.calc:calc", "Work out iterations, epochs and tails; trains nothing."),
    "sweep": ("bsx.cli.sweep:sweep", "Train at every batch size and say which one to take."),
    "probe": ("bsx.cli.probe:probe", "Measure memory and speed by batch size; trains nothing."),
    "show": ("bsx.cli.show:show", "Show a stored sweep again, also with another target."),
    "report": ("bsx.cli.report:report", "Write a stored sweep as one HTML file."),
    "export": (
        "bsx.cli.export:export",
        "Write a stored sweep as tables, curves, figures or to experiment trackers.",
    ),
    "compare": ("bsx.cli.compare:compare", "Set two stored sweeps side by side."),
    "import": ("bsx.cli.import_:import_", "Analyse curves or tables that were measured elsewhere."),
    "config": ("bsx.cli.config:app", "Show what would be asked and where it comes from."),
    "doctor": ("bsx.cli.doctor:doctor", "Check the installation; say how to get what is missing."),
    "list": ("bsx.cli.list:app", "List sweeps, models, datasets or optimizers."),
}

CONTEXT = {"help_option_names": ["--help", "-h"]}

# click comes with Typer, inside it or beside it: found through what Typer exports either way.
ClickException: type[Any] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


class LazyGroup(TyperGroup):
    """A group whose commands are names until one of them is invoked."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stand-in with name and one-line help, for listings."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(name=cmd_name, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the real command, imported now that it is invoked (or completed)."""
        mistyped = bool(args) and args[0] not in COMMANDS and not args[0].startswith("-")
        if mistyped and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{args[0]}'{_near(args[0], COMMANDS)}")
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if command is not None and name else command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a reader that went away, as ``| head``, is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            streams.silence_stdout()
            raise typer.Exit(EXIT_DONE) from None


def load_command(name: str) -> Any:
    """Import the command ``name`` and return it as click knows it."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        command = typer.main.get_command(found)
    else:
        single = typer.Typer(add_completion=False)
        single.command(name=name, context_settings=CONTEXT)(found)
        command = typer.main.get_command(single)
    command.name = name
    command.help = _reflowed(command.help)
    return command


def _reflowed(text: str | None) -> str | None:
    """Join the lines of each paragraph, so that a help text breaks where the terminal does."""
    if text is None:
        return None
    paragraphs = text.split("\n\n")
    return "\n\n".join(" ".join(line.strip() for line in p.splitlines()) for p in paragraphs)


app = typer.Typer(
    name="bsx",
    cls=LazyGroup,
    context_settings=CONTEXT,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bsx.cli.version import version_lines

        print(*version_lines(), sep="\n")  # noqa: T201
        raise typer.Exit


@app.callback()
def bsx(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions and the device, and exit.",
        ),
    ] = False,
) -> None:
    """The batch-size explorer: which batch size should you use, and what does another one cost?

    Start with  bsx calc --samples 1024 --batch-size 8 --epochs 10
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main() -> None:
    """Run the program and exit: the entry point of ``bsx`` and ``python -m bsx``."""
    streams.make_usable()
    code = run()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _untold(error, code)
    sys.exit(code)


def run(args: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; whatever went wrong has been said in one line."""
    try:
        given = sys.argv[1:] if args is None else args
        if given and given[0] in ("--show-completion", "--install-completion"):
            from bsx.cli.completion import of_shell

            of_shell(given)
        code = typer.main.get_command(app)(args, prog_name="bsx", standalone_mode=False)
    except (BsxError, Stopped) as error:
        _say(str(error))
        return error.exit_code
    except ClickException as error:
        _say(_usage_line(error))
        return EXIT_USAGE
    except SystemExit as leaving:  # Rich and Typer leave so when the reader of the help went away
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        streams.silence_stdout()
        return EXIT_DONE
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED_TWICE
    except OSError as error:
        if error.errno == errno.EPIPE or isinstance(error, streams.Unwritten):
            return _untold(error, EXIT_DONE)
        return _unexpected(error)
    except Exception as error:
        return _unexpected(error)
    return code if isinstance(code, int) else EXIT_DONE


def _untold(error: OSError, code: int) -> int:
    """Tell that a result could not be printed; a reader that went away, as ``| head``, is fine."""
    streams.silence_stdout()
    if error.errno == errno.EPIPE:
        return code
    _say(f"cannot write the result to stdout: {error.strerror}")
    return code or EXIT_UNUSABLE


def _unexpected(error: Exception) -> int:
    if os.environ.get("BSX_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    else:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        _say(f"internal error: {what} (set BSX_TRACEBACK=1 to see where)")
    return EXIT_INTERNAL


def _usage_line(error: Any) -> str:
    """Turn a complaint of the command-line parser into one line with a remedy."""
    message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    message = message[:1].lower() + message[1:]
    option, known = getattr(error, "option_name", None), getattr(error, "possibilities", None)
    if option and known:  # of a mistyped option: click names what is near in no order
        message = f"no such option: {option}{_near(option, known)}"
    message = message.replace("'. Did you mean", "'; did you mean")  # of Typer's own groups
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "bsx"
    return f"{message}{'' if message.endswith('?') else ';'} see `{command} --help`"


def _near(name: str, known: Iterable[str]) -> str:
    """Ask for what is nearest to a mistyped name, the nearest first; nothing where none is near."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _say(message: str) -> None:
    # A name in it may hold what steers a terminal.
    plain = "".join(c if c.isprintable() else " " for c in message)
    print("bsx: error:", " ".join(plain.split()), file=sys.stderr)  # noqa: T201
