"""Readers of single settings: text or TOML values → values, refused with flag, value and remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bsx import arithmetic
from bsx.errors import ConfigError
from bsx.literals import literal, real, whole
from bsx.schema import TargetSpec

LARGEST_COUNT = 10**18  # as in `bsx calc`
_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kKmMgGtT])?(iB|i|B|b)?)")
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def text(value: Any, flag: str) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{flag} {value!r}: give a text")
    return value


def check_characters(value: Any, flag: str) -> None:
    """Refuse texts that can neither name a file nor be kept: of zero bytes, or no UTF-8."""
    if isinstance(value, Mapping):
        value = (*value, *value.values())
    if isinstance(value, list | tuple):
        for part in value:
            check_characters(part, flag)
    elif isinstance(value, str):
        try:
            unfit = b"\0" in value.encode("utf-8")
        except UnicodeEncodeError:
            unfit = True
        if unfit:
            raise ConfigError(f"{flag} {value!r}: give a text in UTF-8, without zero bytes")


def switch(value: Any, flag: str) -> bool:
    """Read a yes or no."""
    if isinstance(value, bool):
        return value
    known = dict.fromkeys(("1", "true", "yes"), True) | dict.fromkeys(
        ("0", "false", "no", ""), False
    )
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise ConfigError(f"{flag} {value!r}: give true or false")


class OneOf:
    """A reader that takes these words alone."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices

    def __call__(self, value: Any, flag: str) -> str:
        """Return the word."""
        if value in self.choices:
            return str(value)
        raise ConfigError(f"{flag} {value}: give one of {', '.join(self.choices)}")


class OrNone:
    """A reader that takes ``none`` too: what ``read`` reads then does not take place."""

    def __init__(self, read: Callable[[Any, str], Any]) -> None:
        self.read = read

    def __call__(self, value: Any, flag: str) -> Any:
        """Return what the reader reads, or None."""
        if isinstance(value, str) and value.strip().lower() == "none":
            return None
        try:
            return self.read(value, flag)
        except ConfigError as error:
            raise ConfigError(f"{error}, or none") from None


one_of, or_none = OneOf, OrNone


def count(value: Any, flag: str) -> int:
    """Read a whole number of at least 1."""
    number = whole(value)
    if number is None or number < 1:
        raise ConfigError(f"{flag} {value}: give a whole number of at least 1")
    if number > LARGEST_COUNT:
        raise ConfigError(f"{flag} {value}: must be at most 10^18")
    return number


def memory(value: Any, flag: str) -> int:
    """Read an amount of memory in bytes: 4GiB, 500MB, 2G (as GiB), or a bare number of bytes."""
    found = _MEMORY.fullmatch(str(value).strip())
    if found is None:
        raise ConfigError(f"{flag} {value}: give an amount of memory such as 4GiB or 500MB")
    number, prefix, unit = found.groups()
    base: int = 1000 if unit in ("B", "b") and prefix else 1024
    size: int = round(float(number) * base ** " kmgt".index((prefix or " ").lower()))
    if not 0 < size <= LARGEST_COUNT:
        raise ConfigError(f"{flag} {value}: give an amount of memory above 0, such as 4GiB")
    return size


def index(value: Any, flag: str) -> int:
    """Read a whole number of at least 0."""
    number = whole(value)
    if number is None or number < 0 or number >= 2**31:
        raise ConfigError(f"{flag} {value}: give a whole number from 0 to 2147483647")
    return number


def positive(value: Any, flag: str) -> float:
    """Read a finite number above 0."""
    number = real(value)
    if number is None or number <= 0:
        raise ConfigError(f"{flag} {value}: give a number above 0")
    return number


def not_negative(value: Any, flag: str) -> float:
    """Read a finite number of at least 0."""
    number = real(value)
    if number is None or number < 0:
        raise ConfigError(f"{flag} {value}: give a number of at least 0")
    return number


def fraction(value: Any, flag: str) -> float:
    """Read a number from 0 up to below 1."""
    number = real(value)
    if number is None or not 0 <= number < 1:
        raise ConfigError(f"{flag} {value}: give a number from 0 up to below 1")
    return number


def tolerance(value: Any, flag: str) -> float:
    """Read how much worse is as good: a share, not per cent."""
    try:
        return fraction(value, flag)
    except ConfigError as error:
        told = "0.005 is half a point of a metric from 0 to 1, and 5 % of the best of any other"
        raise ConfigError(f"{error}, not per cent: {told}") from None


def share(value: Any, flag: str) -> float:
    """Read a number from 0 to 1, both included."""
    number = real(value)
    if number is None or not 0 <= number <= 1:
        raise ConfigError(f"{flag} {value}: give a number from 0 to 1")
    return number


def texts(value: Any, flag: str) -> tuple[str, ...]:
    """Read one text or several; commas and spaces part them too."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        raise ConfigError(f"{flag} {value}: give a text")
    return tuple(word for part in parts for word in re.split(r"[,\s]+", part) if word)


def paths(value: Any, flag: str) -> tuple[str, ...]:
    """Read one path or several, each as it is."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) and p for p in parts):
        raise ConfigError(f"{flag} {value}: give a path")
    return tuple(parts)


def logs(value: Any, flag: str) -> tuple[tuple[str, str], ...]:
    """Read where to log: (tensorboard or mlflow, folder or URI) pairs, each once."""
    found = {item: item.partition(":")[::2] for item in texts(value, flag)}
    for item, (kind, where) in found.items():
        if kind not in ("tensorboard", "mlflow") or not where:
            raise ConfigError(f"{flag} {item}: give tensorboard:DIR, mlflow:DIR or mlflow:URI")
    return tuple(dict.fromkeys(found.values()))


def proper_fraction(value: Any, flag: str) -> float:
    """Read a number between 0 and 1, both excluded."""
    number = real(value)
    if number is None or not 0 < number < 1:
        raise ConfigError(f"{flag} {value}: give a fraction between 0 and 1, such as 0.1")
    return number


def duration(value: Any, flag: str) -> float:
    """Return the seconds of a time such as 90s, 10m or 1h30m; a bare number is seconds."""
    number = real(value)
    if number is None and isinstance(value, str):
        match = _DURATION.fullmatch(value.strip().lower())
        if match and any(match.groups()):
            hours, minutes, seconds = (float(part or 0) for part in match.groups())
            number = hours * 3600 + minutes * 60 + seconds
    if number is None or number <= 0:
        raise ConfigError(f"{flag} {value}: give a time such as 90s, 10m or 1h30m")
    return number


def batch_sizes(value: Any, flag: str) -> tuple[int, ...]:
    """Read batch sizes as :func:`bsx.arithmetic.parse_batch_sizes` does, or a list of numbers."""
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return arithmetic.parse_batch_sizes(",".join(str(part) for part in parts), flag)


def learning_rate(value: Any, flag: str) -> tuple[float, ...]:
    """Read ``tuned`` as (), one rate as (rate,), a grid as its rates from small to large."""
    if value == "tuned":
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    parts = parts if isinstance(parts, Sequence) else [parts]
    rates = [real(part) for part in parts]
    good = [rate for rate in rates if rate is not None and rate > 0]
    if not good or len(good) < len(rates):
        raise ConfigError(f"{flag} {value}: give tuned, a rate above 0, or a grid 0.01,0.03,0.1")
    return tuple(sorted(set(good)))


def ranges(value: Any, flag: str) -> dict[str, tuple[float, float]]:
    """Read name=low..high, one or several, after commas too; a TOML table has such texts."""
    if isinstance(value, Mapping):
        value = [f"{name}={given}" for name, given in value.items()]
    found = {}
    for part in texts(value, flag):
        name, _, given = part.partition("=")
        numbers = [real(number) for number in given.split("..")]
        low, high = numbers if len(numbers) == 2 else (None, None)
        if low is None or high is None or low >= high:
            raise ConfigError(f"{flag} {part}: give name=low..high, such as learning-rate=0.001..1")
        found[name.replace("-", "_")] = (low, high)
    return found


def arguments(value: Any, flag: str) -> dict[str, Any]:
    """Read key=value pairs, or a TOML table; values become numbers, booleans or lists."""
    if isinstance(value, Mapping):
        return {str(key): _argument(item, f"{flag} {key}") for key, item in value.items()}
    found = {}
    for pair in _pairs(value, flag, "key=value, such as hidden=128"):
        key, equals, given = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError(f"{flag} {pair}: give key=value, such as hidden=128")
        found[key] = literal(given)
    return found


def variations(value: Any, flag: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read key=first,second: what is varied, and its values as they would be typed."""
    if isinstance(value, Mapping):
        value = [
            f"{key}={','.join(map(str, item)) if isinstance(item, list) else item}"
            for key, item in value.items()
        ]
    found: list[tuple[str, tuple[str, ...]]] = []
    for pair in _pairs(value, flag, "key=first,second, such as model.norm=none,batch"):
        key, _, given = pair.partition("=")
        values = tuple(word for word in _values_of_a_list(given) if word)
        if not key or len(values) < 2 or len(set(values)) < len(values):
            raise ConfigError(
                f"{flag} {pair}: give a key and two or more different values, such as "
                "model.norm=none,batch"
            )
        key = key.replace("-", "_")
        if key in dict(found):
            raise ConfigError(f"{flag} {key} is given twice; give all its values in one list")
        found.append((key, values))
    return tuple(found)


def _values_of_a_list(text: str) -> list[str]:
    """Part a list at its commas, but for those in brackets: [64],[256,128] are two values."""
    values, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            values.append("")
        else:
            values[-1] += character
    return values


def targets(value: Any, flag: str) -> tuple[TargetSpec, ...]:
    """Read metric=threshold, one or several; thresholds as :func:`parse_thresholds` reads them."""
    if isinstance(value, Mapping):
        value = [
            f"{metric}={','.join(map(str, of)) if isinstance(of, list) else of}"
            for metric, of in value.items()
        ]
    found: dict[TargetSpec, None] = {}
    pairs = _pairs(value, flag, "metric=value, such as accuracy=0.97")
    for pair in (one for given in pairs for one in re.split(r",(?=[^,=]+=)", given)):
        metric, equals, thresholds = (part.strip() for part in pair.partition("="))
        if not equals or not metric or not thresholds:
            raise ConfigError(f"{flag} {pair}: give metric=value, such as accuracy=0.97")
        of_metric = arithmetic.parse_thresholds(thresholds, f"{flag} {metric}=")
        found |= dict.fromkeys(TargetSpec(metric, threshold) for threshold in of_metric)
    return tuple(found)


def _pairs(value: Any, flag: str, wanted: str) -> list[str]:
    """Return the words of a text, or of a list of texts."""
    pairs = value.split() if isinstance(value, str) else value
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, str) for pair in pairs):
        raise ConfigError(f"{flag} {value}: give {wanted}")
    return list(pairs)


def _argument(item: Any, flag: str) -> Any:
    """Return a value of a TOML table as a function may take it and JSON may keep it."""
    if isinstance(item, list | tuple):
        return tuple(_argument(part, flag) for part in item)
    if isinstance(item, Mapping):
        return {str(key): _argument(part, flag) for key, part in item.items()}
    finite = not isinstance(item, float) or math.isfinite(item)
    if item is None or (isinstance(item, bool | int | float | str) and finite):
        return item
    raise ConfigError(f"{flag} = {item}: give a text, a finite number, true, false or a list")
