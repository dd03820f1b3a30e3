"""Whether an answer can be used: how it stopped, its JSON, its bounds. Pure."""

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agents_app.llm.reading import Said

CUT_OFF = ("max_tokens", "model_context_window_exceeded")
USED = ("end_turn", "stop_sequence", *CUT_OFF)
TOPICS = {
    "cyber": "breaking into computers",
    "bio": "dangerous biology",
    "frontier_llm": "building competing models",
    "reasoning_extraction": "the model's inner reasoning",
    "general_harms": "something harmful",
}
STOPS = {
    "tool_use": "The model asked for a tool instead of answering. Our agents have none, so nothing was carried out and "
    "the answer is not used. Look for a fact whose text asks for one, or change the prompt; then ask again.",
    "pause_turn": "The model paused in the middle of its answer and waits to be told to go on, which we do not do. Ask "
    "again; if it happens twice, ask for less in one prompt.",
}


def refused(said: Said) -> str:
    """Why the model will not answer this, in words for an account manager; empty when it did answer."""
    if said.stop_reason in USED:
        return ""
    if said.stop_reason == "refusal":
        return f"The model refused to answer{_about(said.category)}. Change what is asked, or write this one by hand."
    reason = said.stop_reason or "it gave no reason"
    return STOPS.get(reason, f"The model stopped in a way we do not know ({reason}). Its answer is not used.")


def judge(said: Said, schema: type[BaseModel]) -> tuple[str, BaseModel | None]:
    """What is wrong with the answer, and the answer when nothing is. The service itself does not enforce bounds."""
    if said.stop_reason in CUT_OFF:
        return "The answer was cut off because it was too long. Write less.", None
    try:
        parsed = schema.model_validate_json(said.text)
    except ValidationError as error:
        return "\n".join(_problem(each) for each in error.errors()[:8]), None
    if r"\u0000" in parsed.model_dump_json():
        return "The answer holds a NUL character. Leave it out.", None
    return "", parsed


def _about(category: str) -> str:
    return f", because it reads like a request about {TOPICS.get(category, category)}" if category else ""


def _problem(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the whole answer"
    return f"{place}: {error['msg']}"
