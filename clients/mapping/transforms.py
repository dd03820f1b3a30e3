"""What may be done to a value on its way from a CRM's field to ours: a table."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.mapping import lists, moments, names, values
from clients.mapping.paths import text
from clients.mapping.unreadable import Unreadable

Step = Callable[[object, str], object]


@dataclass(frozen=True)
class Transform:
    """`call(value, argument)` gives the new value, or raises Unreadable. `argument` says in words what may follow the
    colon, "" where nothing may; `takes_groups`: also of lists and groups of fields. `check` says what is wrong with an
    argument, "" where it is right."""

    label: str
    help: str
    call: Step
    argument: str = ""
    needs_argument: bool = False
    takes_groups: bool = False
    check: Callable[[str], str] = lambda argument: ""


def split(spec: str) -> tuple[str, str]:
    """ "phone:DE" → ("phone", "DE")."""
    name, _, argument = spec.partition(":")
    return name.strip(), argument.strip()


def problem(spec: str) -> str:
    """What is wrong with a transform as a row names it, "" where nothing is."""
    name, argument = split(spec)
    found = TRANSFORMS.get(name)
    if found is None:
        return f"There is no transform “{name[:40]}”. Choose one of the list."
    if argument and not found.argument:
        return f"“{found.label}” takes nothing more. Empty the field beside it."
    if found.needs_argument and not argument:
        return f"“{found.label}” needs to know: {found.argument}."
    return found.check(argument) if argument else ""


def applied(value: object, specs: tuple[str, ...]) -> tuple[object, str]:
    """The value after all of them, and a warning where one kept it as it was. Raises Unreadable."""
    warning = ""
    for spec in specs:
        name, argument = split(spec)
        if name not in TRANSFORMS:
            raise Unreadable(f"There is no transform “{name[:40]}”.")
        try:
            value = TRANSFORMS[name].call(value, argument)
        except Unreadable as unreadable:
            if unreadable.kept is None:
                raise
            value, warning = unreadable.kept, warning or str(unreadable)
    return value, warning


def as_text(value: object) -> str:
    """Raises Unreadable where it is none."""
    found = text(value)
    if found is not None:
        return found
    if isinstance(value, list):
        raise Unreadable(f"It is a list. Put “{TRANSFORMS['list_primary'].label}” first.")
    if isinstance(value, dict):
        raise Unreadable("It is a group of fields. Name the one that is meant, after a dot.")
    raise Unreadable("It is a number that is too long to be kept. Have it sent as a text.")


def _words(value: object) -> str:
    """Nobody is called true."""
    if isinstance(value, bool):
        raise Unreadable("It is true or false, not a text.")
    return as_text(value)


def _of_text(call: Callable[[str], object]) -> Step:
    return lambda value, argument: call(as_text(value))


def _of_text_and(call: Callable[[str, str], object]) -> Step:
    return lambda value, argument: call(as_text(value), argument)


TRANSFORMS: dict[str, Transform] = {
    "trim": Transform(
        "Trim", "Takes away quotes, invisible characters and spaces around it.",
        lambda value, argument: values.trimmed(_words(value)),
    ),
    "lower": Transform("Small letters", "ADA@X.EXAMPLE becomes ada@x.example.", _of_text(str.lower)),
    "upper": Transform("Capital letters", "de becomes DE.", _of_text(str.upper)),
    "title_case": Transform(
        "Capital at each word", "ADA VAN DYKE becomes Ada van Dyke; mixed letters stay.", _of_text(names.title_case)
    ),
    "full_name": Transform(
        "Full name", "“Lee, Ada” becomes Ada Lee; a group with first and last name is joined.",
        lambda value, argument: names.full(value), takes_groups=True,
    ),
    "first_name": Transform(
        "First name of a full name", "Ada of Ada Lee. Of what cannot be split safely it takes nothing.",
        _of_text(names.first),
    ),
    "last_name": Transform(
        "Last name of a full name", "van Dyke of Ada van Dyke. Of what cannot be split safely it takes nothing.",
        _of_text(names.last),
    ),
    "email": Transform(
        "E-mail address", "ada@x.example of “Ada Lee <ada@x.example>” or mailto:ada@x.example.", _of_text(values.email)
    ),
    "phone": Transform(
        "Phone number", "0151 2345 6789 with country DE becomes +49 151 23456789.", _of_text_and(values.phone),
        argument="the country of numbers without one, like DE", check=values.country_problem,
    ),
    "domain": Transform(
        "Domain", "acme.example of https://www.acme.example/about or of ada@acme.example.", _of_text(values.domain)
    ),
    "date_ms": Transform(
        "Date from a number", "1790000000000 (milliseconds since 1970, seconds too) becomes a date and time in UTC.",
        _of_text(moments.of_number),
    ),
    "date_iso": Transform(
        "Date from a text", "16/11/2026 with dmy becomes 2026-11-16; ISO dates are read without it.",
        _of_text_and(moments.of_text), argument="dmy or mdy, the order in dates like 16/11/2026",
        check=moments.order_problem,
    ),
    "list_primary": Transform(
        "Of a list, the main one", "The entry marked primary, else the first that is not blank.",
        lists.primary, argument="the member to read, like email", takes_groups=True,
    ),
    "list_joined": Transform(
        "Of a list, all", "Joined by commas; a;b;c too.", lists.joined, argument="the member to read, like email",
        takes_groups=True,
    ),
    "bool": Transform("Yes or no", "1, yes, on, true become true; 0, no, off, false become false.",
                      _of_text(values.flag)),
    "constant": Transform(
        "Always this text", "Whatever stands there, if anything does, becomes this text.",
        lambda value, argument: argument, argument="the text", needs_argument=True, takes_groups=True,
    ),
    "picklist": Transform(
        "Replace by a table", "lead=Lead; customer=Customer; *=Other. Without * what is not listed stays.",
        _of_text_and(values.picked), argument="pairs like lead=Lead; customer=Customer", needs_argument=True,
        check=values.picklist_problem,
    ),
}  # fmt: skip
TAKES_GROUPS = frozenset(name for name, each in TRANSFORMS.items() if each.takes_groups)
