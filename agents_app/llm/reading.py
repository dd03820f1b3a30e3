"""The body of a 200 → what the model said and what it says it used. Pure, and it believes nothing that cannot be."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents_app.prices import Usage

LARGEST_BODY = 1_000_000  # bytes; our longest answer takes some twenty thousand
Tokens = Annotated[int, Field(ge=0)]


class _Block(BaseModel):
    type: str
    text: str = ""


class _StopDetails(BaseModel):
    category: str | None = None


class _CacheCreation(BaseModel):
    model_config = ConfigDict(strict=True)

    ephemeral_5m_input_tokens: Tokens = 0
    ephemeral_1h_input_tokens: Tokens = 0


class _Usage(BaseModel):
    model_config = ConfigDict(strict=True)

    input_tokens: Tokens
    output_tokens: Tokens
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_creation: _CacheCreation | None = None

    def counted(self) -> Usage:
        """The service's `input_tokens` leaves out what a cache held. What the breakdown does not explain of the cache's
        total is kept for 5 minutes, the service's usual time."""
        split = self.cache_creation or _CacheCreation()
        rest = (self.cache_creation_input_tokens or 0) - split.ephemeral_1h_input_tokens
        return Usage(
            input=self.input_tokens,
            output=self.output_tokens,
            cache_read=self.cache_read_input_tokens or 0,
            cache_write=max(split.ephemeral_5m_input_tokens, rest),
            cache_write_1h=split.ephemeral_1h_input_tokens,
        )


class _Body(BaseModel):
    id: str = ""
    model: Annotated[str, Field(min_length=1)]
    content: list[_Block]
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: Any = None


class Said(BaseModel):
    """One message of the model. `usage` None: its counters are missing or cannot be (negative, broken, no numbers)."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    message_id: str
    model: str
    text: str
    stop_reason: str
    category: str
    usage: Usage | None


def read(content: bytes) -> Said | None:
    """None when this is no message: cut off, not JSON, of another shape, or absurdly large."""
    if len(content) > LARGEST_BODY:
        return None
    try:
        found = _Body.model_validate_json(content)
    except ValidationError:
        return None
    return Said(
        message_id=storable(found.id)[:120],
        model=storable(found.model)[:80],
        text=storable("".join(block.text for block in found.content if block.type == "text")),
        stop_reason=storable(found.stop_reason or "")[:40],
        category=storable((found.stop_details and found.stop_details.category) or "")[:40],
        usage=_usage(found.usage),
    )


def storable(text: str) -> str:
    """PostgreSQL takes no NUL in a text."""
    return text.replace("\0", "\ufffd")


def _usage(told: object) -> Usage | None:
    try:
        return _Usage.model_validate(told).counted()
    except ValidationError:
        return None
