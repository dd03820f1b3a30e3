"""The JSON shape of one client's settings. An absent key inherits; an unknown key is refused with its path."""

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from clients.config.problems import ConfigRefused, in_words
from clients.models import AgentKey, OverrideMode, Tone


def _writable(text: str) -> str:
    """PostgreSQL keeps no NUL, and UTF-8 has no lone surrogates."""
    if any(sign < " " and sign not in "\n\t" for sign in text) or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise PydanticCustomError("unwritable", "unwritable")
    return text


def _one_of(known: Sequence[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise PydanticCustomError("choice", "not a choice", {"known": list(known)})
        return value

    return AfterValidator(check)


def _as_override(value: object) -> object:
    """Plain text is an addition to the agent's prompt."""
    if isinstance(value, str):
        return {"mode": OverrideMode.ADD.value, "text": value}
    if value is None or isinstance(value, dict | Override):
        return value
    raise PydanticCustomError("override_shape", "override shape")


Writable = AfterValidator(_writable)
Text60 = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True), Writable]
Text80 = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), Writable]
Text200 = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Writable]
Text400 = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True), Writable]
Text4000 = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), Writable]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Override(_Strict):
    mode: Annotated[str, _one_of(OverrideMode.values)] = OverrideMode.ADD.value
    text: Text4000


MaybeOverride = Annotated[Override | None, BeforeValidator(_as_override)]


class PromptOverrides(_Strict):
    research_agent: MaybeOverride = None
    competitive_agent: MaybeOverride = None
    persona_agent: MaybeOverride = None
    email_agent: MaybeOverride = None


class CustomFields(_Strict):
    emphasis: Text80 | None = None
    avoid_terms: Annotated[list[Text60], Field(max_length=100)] = []
    offer: Text400 | None = None
    proof_points: Annotated[list[Text200], Field(max_length=20)] = []
    call_to_action: Text200 | None = None
    sender_name: Text80 | None = None
    sender_title: Text80 | None = None
    max_words: Annotated[int, Field(ge=40, le=400)] | None = None


class ClientConfig(_Strict):
    industry: Annotated[str, StringConstraints(min_length=1, max_length=40), Writable]
    tone: Annotated[str, _one_of(Tone.values)] | None = None
    prompt_overrides: PromptOverrides = PromptOverrides()
    custom_fields: CustomFields = CustomFields()
    enabled_agents: list[Annotated[str, _one_of(AgentKey.values)]] = []
    confidence_floor: Annotated[float, Field(ge=0, le=1)] | None = None


def parse(document: object) -> ClientConfig:
    """Raises ConfigRefused with every problem at once."""
    try:
        return ClientConfig.model_validate(document)
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
        raise ConfigRefused(in_words(error, _known_at) for error in errors) from None


def _known_at(location: Sequence[Any]) -> Sequence[str]:
    """The settings that may stand at this place of the document."""
    model: type[BaseModel] = ClientConfig
    for part in location:
        field = model.model_fields.get(str(part))
        model = next(kind for kind in (field and _models_in(field.annotation)) or (model,))
    return list(model.model_fields)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    kinds = get_args(annotation) or (annotation,)
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
