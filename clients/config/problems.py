"""What is wrong with a configuration document, in words: where, what, and how to mend it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

ARROW = " → "


class Problem(NamedTuple):
    """`path` reads "prompt_overrides → reserch_agent"; `hint` says how to mend it, or is empty."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path or 'The document'}: {self.message} {self.hint}".strip()


class ConfigRefused(Exception):
    """A configuration document that cannot be used. Nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint that names the nearest of `known`, or all of them."""
    match = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return f"Did you mean {match[0]}?" if match else f"Known here: {', '.join(known)}."


def in_words(error: Mapping[str, Any], known_at: Callable[[Sequence[Any]], Sequence[str]]) -> Problem:
    """One of pydantic's errors as ours; `known_at(location)` lists the settings that may stand there."""
    where = error["loc"]
    path = ARROW.join(f"entry {part + 1}" if isinstance(part, int) else str(part) for part in where)
    context, kind = error.get("ctx", {}), error["type"]
    if kind == "extra_forbidden":
        return Problem(path, "This setting is not known.", nearest(str(where[-1]), known_at(where[:-1])))
    if kind == "choice":
        return Problem(path, f"“{error['input']}” is not a choice.", nearest(str(error["input"]), context["known"]))
    message, hint = _WORDS.get(kind, ("This value cannot be used.", "Look at an exported file for an example."))
    return Problem(path, message.format(**context), hint.format(**context))


_OBJECT = ("An object is needed here.", 'Write it in braces: {{"name": …}}.')
_LONG = ("The text is longer than {max_length} characters.", "Shorten it.")
_BROKEN = ("The text has a character that cannot be stored.", "Remove control characters and broken symbols.")
_WORDS = {
    "missing": ("This setting is missing.", "Add it."),
    "string_type": ("Text is needed here.", "Put it in quotation marks."),
    "list_type": ("A list is needed here.", "Write it in brackets: [\"one\", \"two\"]."),
    "too_long": ("There are more than {max_length} entries.", "Keep the most important ones."),
    "line_break": ("The entry has a line break.", "Write one line, or make each line an entry of its own."),
    "string_too_long": _LONG,
    "string_too_short": ("The text is empty.", "Write something, or leave the setting out to inherit it."),
    "int_type": ("A whole number is needed here.", "Write it without quotation marks."),
    "float_type": ("A number is needed here.", "Write it without quotation marks."),
    "finite_number": ("A number is needed here.", "Write a number from 0 to 1."),
    "greater_than_equal": ("The number is below {ge}.", "Write {ge} or more."),
    "less_than_equal": ("The number is above {le}.", "Write {le} or less."),
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
    "override_shape": (
        "Text, or an object with mode and text, is needed here.",
        "Write \"text\" to add to the prompt, or {{\"mode\": \"replace\", \"text\": \"…\"}}.",
    ),
    "word_shape": (
        "This is no word about what is inherited.",
        "Write {{\"$unset\": true}}, or for a list {{\"$remove\": [\"one\"], \"$add\": [\"two\"]}}.",
    ),
    "bool_type": ("Yes or no is needed here.", "Write true or false."),
    "string_pattern_mismatch": ("This is not the name of a component.", "Use small letters, digits and _."),
    "string_unicode": _BROKEN,
    "unwritable": _BROKEN,
}  # fmt: skip
