"""``bsx sweep --save``: what is asked, as a file that asks it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsx.errors import ConfigError, DataError


def save_question(
    target: Path,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    file: Path | None,
    more_seeds: str | None,
) -> None:
    """Write the settings of a sweep to ``target``.

    Raises:
        ConfigError: for a place where no file can be, with --more-seeds, or where the same
            question would not come back.
        DataError: where the file cannot be written.
    """
    from bsx import __version__
    from bsx.config import as_toml, settings_given
    from bsx.exchange.exports import check_place

    if more_seeds is not None:
        raise ConfigError(
            f"--save {target} and --more-seeds {more_seeds}: give --seeds with all of them instead"
        )
    check_place(target, "--save")
    if target.suffix != ".toml" and target.is_file() and target.stat().st_size:
        raise ConfigError(
            f"--save {target}: this file is there already and does not look like a saved sweep; "
            "give a name that ends in .toml, or remove it"
        )
    text = as_toml(settings_given(flags, environ, file), __version__)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"--save {target}: cannot write it: {error.strerror}") from None
