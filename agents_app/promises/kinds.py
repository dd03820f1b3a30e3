"""The kinds of promises: what each is told, and how it is held against an answer. To add one: a model, a function, a
row of the table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents_app import contracts
from agents_app.promises import language
from agents_app.promises.said import Said, similarity
from clients import wording

MOST = 100_000
ASKING = re.compile(
    r"^(?:please\s+)?(?:book|call|choose|click|download|email|have a look|join|let me know|pick|register|reply|"
    r"schedule|send me|sign up|tell me|visit|write back|write to)\b",
    re.IGNORECASE,
)

Phrase = Annotated[str, Field(min_length=1, max_length=120)]
Phrases = Annotated[list[Phrase], Field(min_length=1, max_length=50)]


class Verdict(NamedTuple):
    """`passed` is None where nothing could be judged; `detail` says why, in words."""

    passed: bool | None
    detail: str


class ParametersRefused(ValueError):
    """What a contract is told does not fit its kind. `problems` is {parameter, or "" for all: what to mend}."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


class Parameters(BaseModel):
    """Titles and descriptions are what people read beside the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Nothing(Parameters):
    """A kind that has nothing to say."""


class Range(Parameters):
    at_least: Annotated[int, Field(title="At least", ge=0, le=MOST)] = 0
    at_most: Annotated[int | None, Field(title="At most", description="Empty: as many as it likes.", ge=0, le=MOST)] = (
        None
    )

    @model_validator(mode="after")
    def _limits_something(self) -> "Range":
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(
                f"At most {self.at_most} is less than at least {self.at_least}: no answer could keep that."
            )
        if self.at_most is None and self.at_least == 0:
            raise ValueError("With neither a least nor a most, every answer keeps it. Fill in one of them.")
        return self

    def holds(self, count: int) -> bool:
        return count >= self.at_least and (self.at_most is None or count <= self.at_most)

    @property
    def told(self) -> str:
        if self.at_most is None:
            return f"at least {self.at_least} wanted"
        return f"{self.at_least} to {self.at_most} wanted" if self.at_least else f"at most {self.at_most} wanted"


class Part(Range):
    part: Annotated[
        Literal["subject", "greeting", "sentences", "closing", "missing", "summary", "comparisons", "positioning",
                "role", "pains"],
        Field(title="Part of the answer", description="Of a text its characters are counted, of a list its entries."),
    ]  # fmt: skip


class Included(Parameters):
    phrases: Annotated[Phrases, Field(title="Phrases", description="One a line; upper and lower case are the same.")]
    how_many: Annotated[
        Literal["any", "all"], Field(title="How many of them", description="any: one is enough. all: each of them.")
    ] = "any"


class Excluded(Parameters):
    phrases: Annotated[
        Phrases, Field(title="Phrases", description="One a line, as whole words; upper and lower case are the same.")
    ]


class Language(Parameters):
    language: Annotated[Literal["en", "de", "fr", "es", "it", "nl"], Field(title="Language")] = "en"


class Cost(Parameters):
    at_most_usd: Annotated[float, Field(title="At most (US dollars)", gt=0, le=100)]


class Latency(Parameters):
    at_most_s: Annotated[float, Field(title="At most (seconds)", gt=0, le=3600)]


class Similarity(Parameters):
    at_least_percent: Annotated[
        int,
        Field(title="At least (per cent)", description="Of the words, in the same order.", ge=1, le=100),
    ]


class Rubric(Parameters):
    question: Annotated[
        str,
        Field(
            title="What a model is asked",
            description="A question about the answer that yes answers where it keeps the promise.",
            min_length=10,
            max_length=500,
        ),
    ]


# --- one function a kind


def _part(said: Said, told: Part) -> Verdict:
    if told.part not in said.document:
        return Verdict(passed=None, detail=f"This agent's answers have no {told.part}.")
    value = said.document[told.part]
    counted = "characters" if isinstance(value, str) else "entries"
    return Verdict(told.holds(len(value)), f"{told.part}: {len(value)} {counted}; {told.told}.")


def _words(said: Said, told: Range) -> Verdict:
    count = contracts.words(said.text)
    return Verdict(told.holds(count), f"{count} words; {told.told}.")


def _included(said: Said, told: Included) -> Verdict:
    here = wording.plain(said.whole)
    absent = [phrase for phrase in told.phrases if wording.plain(phrase) not in here]
    kept = not absent if told.how_many == "all" else len(absent) < len(told.phrases)
    wanted = "Each of its phrases is said." if told.how_many == "all" else "One of its phrases is said."
    return Verdict(kept, wanted if kept else f"Not said: {_quoted(absent)}.")


def _excluded(said: Said, told: Excluded) -> Verdict:
    found = wording.avoided(said.whole, told.phrases)
    return Verdict(not found, f"Contains {_quoted(found)}." if found else "None of its phrases stands in it.")


def _placeholder(said: Said, told: Nothing) -> Verdict:
    return _of(contracts.no_placeholders(said.whole))


def _cited(said: Said, told: Nothing) -> Verdict:
    checks = [
        contracts.rests_on_known(said.sentences, said.material),
        contracts.cited_values_stand(said.sentences, said.material),
    ]
    failed = [check for check in checks if not check.passed]
    return _of(failed[0]) if failed else Verdict(passed=True, detail="What it cites exists, and is said as it stands.")


def _avoided(said: Said, told: Nothing) -> Verdict:
    return _of(contracts.no_avoided_words(said.whole, said.material))


def _calls_to_action(said: Said, told: Range) -> Verdict:
    count = calls_to_action(said.text)
    return Verdict(told.holds(count), f"It asks {count} thing{'' if count == 1 else 's'} of the reader; {told.told}.")


def _language(said: Said, told: Language) -> Verdict:
    share = language.shares(said.text)[told.language]
    name = language.NAMES[told.language]
    return Verdict(language.is_in(told.language, said.text), f"{share:.0%} of its words are common {name} ones.")


def _cost(said: Said, told: Cost) -> Verdict:
    if said.cost_usd is None:
        return Verdict(passed=None, detail="What it cost is not known.")
    return Verdict(said.cost_usd <= told.at_most_usd, f"${said.cost_usd:.4f}; at most ${told.at_most_usd:g} wanted.")


def _latency(said: Said, told: Latency) -> Verdict:
    if said.seconds is None:
        return Verdict(passed=None, detail="How long it took is not known.")
    return Verdict(said.seconds <= told.at_most_s, f"{said.seconds:.1f} s; at most {told.at_most_s:g} s wanted.")


def _similarity(said: Said, told: Similarity) -> Verdict:
    if not said.baseline:
        return Verdict(passed=None, detail="There is no other text to compare it with; a rehearsal has one.")
    share = similarity(said.text, said.baseline)
    return Verdict(100 * share >= told.at_least_percent, f"{share:.0%} alike; {told.at_least_percent} % wanted.")


def calls_to_action(text: str) -> int:
    """Questions, and sentences that begin by asking the reader to do something."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text)]
    return sum(each.endswith("?") or ASKING.match(each) is not None for each in sentences)


def _of(check: contracts.Check) -> Verdict:
    return Verdict(check.passed, check.detail)


def _quoted(phrases: list[str]) -> str:
    return ", ".join(f"“{phrase}”" for phrase in phrases[:5])


# --- the table


@dataclass(frozen=True)
class Kind:
    """`check` is None where a model judges (`agents_app/flow/rubrics.py`). `may_stop`: whether a contract of it may be
    a `must`. What does not lie in the text may not: to write the text once more would mend nothing."""

    label: str
    about: str
    parameters: type[Parameters]
    check: Callable[[Said, Any], Verdict] | None
    may_stop: bool = True


KINDS: Mapping[str, Kind] = {
    "schema": Kind("Size of a part", "A part of the answer has so many characters or entries.", Part, _part),
    "words": Kind("Number of words", "The text has so many words.", Range, _words),
    "must_include": Kind("Says", "The text or its subject says these phrases.", Included, _included),
    "must_not_include": Kind("Does not say", "Neither text nor subject says these phrases.", Excluded, _excluded),
    "no_placeholder": Kind("Nothing left unfilled", "No {{name}}, [Company] or TBD is left.", Nothing, _placeholder),
    "cited_facts": Kind("Cites what is there", "Each name cited exists, and its value is said.", Nothing, _cited),
    "avoid_terms": Kind("Avoids the client's words", "None of the client's words to avoid.", Nothing, _avoided),
    "call_to_action": Kind("Calls to action", "It asks so many things of the reader.", Range, _calls_to_action),
    "language": Kind("Language", "The text is written in this language.", Language, _language),
    "cost": Kind("Cost", "The answer costs no more than this.", Cost, _cost, may_stop=False),
    "latency": Kind("Time", "The answer takes no longer than this.", Latency, _latency, may_stop=False),
    "similarity": Kind(
        "Like the version before",
        "In a rehearsal, so much of the text is as the other version wrote it.",
        Similarity,
        _similarity,
        may_stop=False,
    ),
    "rubric": Kind(
        "Asked of a model",
        "A model reads the answer and says yes or no. Only with a key, and paid like every call.",
        Rubric,
        None,
        may_stop=False,
    ),
}


def parameters_of(kind: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 each kind has a model of its own
    """What a contract of this kind is told, checked. Raises ParametersRefused."""
    if kind not in KINDS:
        raise ParametersRefused({"": f"No kind of contract is called “{kind}”. Choose one of {', '.join(KINDS)}."})
    model = KINDS[kind].parameters
    try:
        return model.model_validate(dict(told))
    except ValidationError as error:
        raise ParametersRefused(dict(_problem(model, each) for each in error.errors())) from error


WORDS = {
    "missing": "This is needed.",
    "extra_forbidden": "This kind knows nothing of that name. Take it out.",
    "too_short": "Write at least one line.",
    "literal_error": "Choose one of those offered.",
}


def _problem(model: type[Parameters], error: Any) -> tuple[str, str]:  # noqa: ANN401 pydantic's own dictionary
    if error["type"] == "value_error":
        return "", str(error["ctx"]["error"])
    name = str(error["loc"][0])
    said = WORDS.get(error["type"], f"{error['msg']}.")
    title = model.model_fields[name].title if name in model.model_fields else name
    return name, f"{title}: {said}"
