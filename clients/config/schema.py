"""The JSON shape of one client's settings, made from the keys. An absent key inherits; an unknown key is refused with
its path.

Beside values a document may hold words about what is inherited: {"$unset": true}, {"$remove": […], "$add": …}.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic_core import PydanticCustomError

from clients.config.layers import ADD, REMOVE, UNSET, is_set
from clients.config.problems import ConfigRefused, in_words
from clients.keys import AGENTS, LEAVE_OUT, MODES, PROMPTS, Key
from clients.models import Client, SalesMotion

LONGEST_WORD = 4000
COLUMNS = ("industry", "company_size", "sales_motion")
"""What a document says beside the settings: the client's own columns, which choose its templates."""


def parse(document: object, keys: Sequence[Key]) -> dict[str, Any]:
    """{path: said} of what is set, the columns of the client under their own names.

    Raises ConfigRefused with every problem at once.
    """
    model = shape(tuple(keys))
    try:
        config = model.model_validate(document)
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
        raise ConfigRefused(in_words(error, lambda where: _known_at(model, where)) for error in errors) from None
    found = {path: _plain(_attribute(config, path)) for path in (*COLUMNS, *paths(keys))}
    return {path: value for path, value in found.items() if is_set(value)}


def paths(keys: Iterable[Key]) -> list[str]:
    """Every path that a layer's settings may hold, the words to agents among them."""
    return [*(key.path for key in keys if not key.sensitive), *(f"{PROMPTS}{agent}" for agent in AGENTS)]


@lru_cache(maxsize=8)
def shape(keys: tuple[Key, ...]) -> type[BaseModel]:
    """`ClientConfig`: nested as the paths are."""
    tree: dict[str, Any] = {}
    for key in keys:
        if not key.sensitive:
            *parents, name = key.path.split(".")
            here = tree
            for parent in parents:
                here = here.setdefault(parent, {})
            kind = _type(key)
            word = WrapValidator(_or_word(key), json_schema_input_type=kind | _word(key) | None)
            here[name] = (Annotated[kind | None, word], None)
    tree["prompt_overrides"] = dict.fromkeys(AGENTS, (Overrides | None, None))
    fields = {name: _field(name, each) for name, each in tree.items()}
    choices = {
        "company_size": Client.Size.values,
        "sales_motion": SalesMotion.values,
    }
    columns: dict[str, Any] = {
        "industry": (Annotated[str, StringConstraints(min_length=1, max_length=40), Writable], ...),
        **{name: (_choice(known) | None, None) for name, known in choices.items()},
    }
    return _model("ClientConfig", columns | fields)


def _field(name: str, said: Any) -> Any:  # noqa: ANN401 a field's definition, or a branch of them
    if not isinstance(said, dict):
        return said
    branch = _model(name, {each: _field(each, inner) for each, inner in said.items()})
    return (branch, branch())


def _model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(name, __base__=_Strict, **fields)


# --- the types


def _writable(text: str) -> str:
    """PostgreSQL keeps no NUL, and UTF-8 has no lone surrogates."""
    if any(sign < " " and sign not in "\n\t" for sign in text) or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise PydanticCustomError("unwritable", "unwritable")
    return text


def _one_line(text: str) -> str:
    """Forms show lists with an entry a line."""
    if len(text.splitlines()) > 1:
        raise PydanticCustomError("line_break", "line break")
    return text


def _choice(known: Iterable[str]) -> Any:  # noqa: ANN401 a type
    names = list(known)

    def check(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("choice", "not a choice", {"known": names})
        return value

    return Annotated[str, AfterValidator(check), Field(json_schema_extra={"enum": [*names]})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Writable = AfterValidator(_writable)


def _text(longest: int) -> Any:  # noqa: ANN401 a type
    return Annotated[str, StringConstraints(min_length=1, max_length=longest, strip_whitespace=True), Writable]


class Entry(_Strict):
    key: _text(40)  # type: ignore[valid-type]
    text: _text(400)  # type: ignore[valid-type]


class Override(_Strict):
    mode: _choice(MODES) = "add"  # type: ignore[valid-type]
    text: _text(LONGEST_WORD)  # type: ignore[valid-type]
    slot: Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z0-9_]*$")] = ""


class LeaveOut(_Strict):
    """Takes back what the layers below say to the agent."""

    mode: Literal["unset"]
    text: Literal[""] = ""


def _as_overrides(value: object) -> object:
    """Plain text is an addition to the agent's prompt; one word to it may stand without a list."""
    if isinstance(value, list):
        return [_as_override(each) for each in value]
    return value if value is None else [_as_override(value)]


def _as_override(value: object) -> object:
    if isinstance(value, str):
        return {"mode": "add", "text": value}
    if isinstance(value, dict) and value.get("mode") == LEAVE_OUT and not (value.keys() - {"mode", "text"}):
        return value if value.get("text") else Override.model_construct(mode=LEAVE_OUT, text="", slot="")
    if isinstance(value, dict | Override):
        return value
    raise PydanticCustomError("override_shape", "override shape")


MOST_WORDS = 12
_Word = str | Override | LeaveOut
_Words = _Word | Annotated[list[_Word], Field(max_length=MOST_WORDS)]
Overrides = Annotated[
    list[Override], BeforeValidator(_as_overrides, json_schema_input_type=_Words), Field(max_length=MOST_WORDS)
]


class Unset(_Strict):
    """Takes back what is inherited."""

    unset: Literal[True] = Field(alias="$unset")


def _word(key: Key) -> Any:  # noqa: ANN401 a type
    """The words about what is inherited, as the JSON Schema tells them; `_or_word` reads them."""
    if not (key.is_list or key.kind == "table"):
        return Unset
    remove: Any = (Annotated[list[str], Field(min_length=1)], Field(alias=REMOVE))
    return Unset | create_model("Remove", __base__=_Strict, remove=remove, add=(_type(key), Field(None, alias=ADD)))


def _type(key: Key) -> Any:  # noqa: ANN401 a type
    longest = key.longest or LONGEST_WORD
    numbers = Field(ge=key.least, le=key.most)
    many = Field(max_length=int(key.most) if key.most is not None and key.is_list else None)
    choice: Any = _choice(key.choices or ())
    return {
        "text": _text(longest),
        "choice": choice,
        "whole": Annotated[int, numbers],
        "number": Annotated[float, numbers],
        "flag": bool,
        "terms": Annotated[list[Annotated[_text(longest), AfterValidator(_one_line)]], many],  # type: ignore[misc]
        "choices": Annotated[list[choice], many],
        "table": dict[_text(40), _text(longest)],  # type: ignore[misc]
        "entries": Annotated[list[Entry], many],
    }[key.kind]


def _or_word(key: Key) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """The value itself, or a word about what is inherited."""

    def check(value: Any, plain: Callable[[Any], Any]) -> Any:  # noqa: ANN401 any JSON
        if not isinstance(value, Mapping) or not value.keys() & {UNSET, REMOVE, ADD}:
            return plain(value)
        if value == {UNSET: True}:
            return dict(value)
        names = value.get(REMOVE)
        is_listed = isinstance(names, list) and names and all(isinstance(each, str) and each for each in names)
        if value.keys() - {REMOVE, ADD} or not is_listed or not (key.is_list or key.kind == "table"):
            raise PydanticCustomError("word_shape", "word shape")
        return {REMOVE: list(names or ()), **({ADD: _plain(plain(value[ADD]))} if value.get(ADD) else {})}

    return check


# --- reading


def _attribute(config: BaseModel, path: str) -> Any:  # noqa: ANN401 a setting of any type
    here: Any = config
    for part in path.split("."):
        here = getattr(here, part)
    return here


def _plain(value: Any) -> Any:  # noqa: ANN401 a value of any key
    if isinstance(value, Override):
        return {"mode": value.mode, "text": value.text, **({"slot": value.slot} if value.slot else {})}
    if isinstance(value, BaseModel):
        return value.model_dump()
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _known_at(model: type[BaseModel], location: Sequence[Any]) -> Sequence[str]:
    """The settings that may stand at this place of the document."""
    for part in location:
        field = model.model_fields.get(str(part))
        model = next(kind for kind in (field and _models_in(field.annotation)) or (model,))
    return list(model.model_fields)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]
