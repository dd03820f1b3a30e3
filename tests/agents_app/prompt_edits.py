"""Eighty-eight edits of our own prompts as people make them, each with how large it is to whoever uses the answers.

They were labelled by reading them: sixty-three before anything measured them, those with a rule of a stranger's
(`reworded`) after some of them had been taken for smaller than they are. MAJOR: what reads the answer, or gives the agent its
input, has to change too. MINOR: another text may come out. PATCH: none can.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from agents_app import contents
from agents_app.agents import first_prompt
from agents_app.change_levels import Content

RESEARCH, COMPETITIVE, PERSONA, EMAIL = "research_agent", "competitive_agent", "persona_agent", "email_agent"
MAJOR, MINOR, PATCH = "major", "minor", "patch"


class Edit(NamedTuple):
    """`is_word` marks those that turn on one negation or number."""

    told: str
    agent: str
    change: Callable[[Content], Content]
    level: str
    is_word: bool = False
    basis: Callable[[Content], Content] = lambda content: content


def as_it_is(agent: str) -> Content:
    content = contents.written(agent, contents.tidy(first_prompt(agent)), {})
    return replace(content, tools=("news",), contracts=("avoid_terms", "one_question"))


def swap(old: str, new: str) -> Callable[[Content], Content]:
    def change(content: Content) -> Content:
        assert content.text.count(old) >= 1, old
        return replace(content, text=content.text.replace(old, new, 1))

    return change


def whole(change: Callable[[str], str]) -> Callable[[Content], Content]:
    return lambda content: replace(content, text=change(content.text))


def without(heading: str) -> Callable[[Content], Content]:
    """Its component taken out, heading and all."""

    def change(content: Content) -> Content:
        before, _, rest = content.text.partition(f"## {heading}\n")
        after = rest.partition("\n## ")[2]
        return replace(content, text=before + (f"## {after}" if after else ""))

    return change


def answer(change: Callable[[dict], object]) -> Callable[[Content], Content]:
    def changed(content: Content) -> Content:
        schema = copy.deepcopy(dict(content.schema))
        change(schema)
        return replace(content, schema=schema)

    return changed


def gone(name: str) -> Callable[[dict], None]:
    def change(schema: dict) -> None:
        del schema["properties"][name]
        schema["required"].remove(name)

    return change


def renamed(old: str, new: str) -> Callable[[dict], None]:
    def change(schema: dict) -> None:
        schema["properties"][new] = schema["properties"].pop(old)
        schema["required"] = [new if name == old else name for name in schema["required"]]

    return change


def asked(**values: object) -> Callable[[Content], Content]:
    return lambda content: replace(content, **values)


def rule(text: str) -> Callable[[Content], Content]:
    """One more rule below the others."""
    return swap("- Bring out the client's `emphasis`.\n", f"- Bring out the client's `emphasis`.\n- {text}\n")


def reworded(told: str, old: str, new: str, level: str, text: str = "{}", *, is_word: bool = False) -> "Edit":
    """A rule of a stranger's, with one word in it exchanged."""
    return Edit(told, EMAIL, swap(text.format(old), text.format(new)), level, is_word, rule(text.format(old)))


SONNET = asked(model="claude-sonnet-5-5")
EXAMPLE = "\n## Examples\n\nGood: “You raised $40 million in May; audits get heavier after that.”\n"
ONE_MORE = 'for example "Re:", or an emoji'

EDITS = (
    # what reads the answer, or gives the agent its input, has to change too
    Edit("the answer has no closing", EMAIL, answer(gone("closing")), MAJOR),
    Edit("the greeting is called salutation", EMAIL, answer(renamed("greeting", "salutation")), MAJOR),
    Edit("what is missing is one text", RESEARCH, answer(lambda s: s["properties"].update(missing={"type": "string"})), MAJOR),
    Edit("a paragraph is a text, not a number", EMAIL, answer(lambda s: s["$defs"]["Line"]["properties"].update(paragraph={"type": "string"})), MAJOR),
    Edit("sentences name no source any more", RESEARCH, answer(lambda s: s["$defs"]["Sentence"]["properties"].pop("rests_on")), MAJOR),
    Edit("the subject may be left out", EMAIL, answer(lambda s: s["required"].remove("subject")), MAJOR),
    Edit("an angle is one text", PERSONA, answer(lambda s: s["properties"].update(angle={"type": "string"})), MAJOR),
    Edit("the agent needs the deals of the company", EMAIL, lambda c: replace(c, inputs=(*c.inputs, "deals")), MAJOR),
    Edit("the text reads a block of notes that nobody gives", RESEARCH, swap("- <variation>", "- <notes>: what colleagues wrote down after calls.\n- <variation>"), MAJOR),
    Edit("the text reads a budget that is not in the context", EMAIL, swap("from the persona.", "from the persona and context.budget."), MAJOR),
    Edit("no news is asked for any more", RESEARCH, asked(tools=()), MAJOR),
    Edit("words to avoid are no promise any more", EMAIL, asked(contracts=("one_question",)), MAJOR),
    Edit("a smaller model answers", EMAIL, asked(model="claude-haiku-5-5"), MAJOR),
    Edit("the angle is no longer asked for", PERSONA, without("Angle"), MAJOR),
    Edit("the positioning is called standing in the text", COMPETITIVE, swap("Write `positioning`", "Write `standing`"), MAJOR),
    # another text may come out
    Edit("everything may be said that is not given", EMAIL, swap("- Nothing that is not given:", "- Nothing that is given:"), MINOR, is_word=True),
    Edit("praise is allowed", RESEARCH, swap("No praise, no guesses", "No guesses"), MINOR, is_word=True),
    Edit("a failure may be told", PERSONA, swap("never\nthat the company has failed", "even\nthat the company has failed"), MINOR, is_word=True),
    Edit("formal has contractions", EMAIL, swap("formal has no contractions", "formal has contractions"), MINOR, is_word=True),
    Edit("not the only question", EMAIL, swap("It is the only question in the mail", "It is the last question in the mail"), MINOR, is_word=True),
    Edit("what no fact states may be said", COMPETITIVE, swap("that no fact states", "that a fact states"), MINOR, is_word=True),
    Edit("the unlikely is written", PERSONA, swap("Write what is likely on this desk", "Write what is unlikely on this desk"), MINOR, is_word=True),
    Edit("shorter mails", EMAIL, swap("at most 120 words", "at most 90 words"), MINOR, is_word=True),
    Edit("one pain more", PERSONA, swap("one to three sentences", "one to four sentences"), MINOR, is_word=True),
    Edit("twelve sentences of summary", RESEARCH, swap("up to eight sentences", "up to twelve sentences"), MINOR, is_word=True),
    Edit("two proofs", EMAIL, swap("Proof: one", "Proof: two"), MINOR, is_word=True),
    Edit("exactly so many words", EMAIL, swap("- At most `max_words` words", "- Exactly `max_words` words"), MINOR, is_word=True),
    Edit("the offer comes from another setting", EMAIL, swap("from config.custom_fields.offer, and", "from config.custom_fields.pitch, and"), MINOR),
    Edit("an example", EMAIL, whole(lambda text: text + EXAMPLE), MINOR),
    Edit("an example in a rule", EMAIL, swap('such as "Re:"', ONE_MORE), MINOR),
    Edit("long sentences", COMPETITIVE, swap("Plain English, short sentences", "Plain English, long sentences"), MINOR),
    Edit("it thinks longer", EMAIL, asked(effort="high"), MINOR),
    Edit("the answer may be longer", RESEARCH, asked(max_tokens=4000), MINOR),
    Edit("the next model of the family", EMAIL, asked(model="claude-sonnet-5-6"), MINOR, basis=SONNET),
    Edit("the answer has a preheader too", EMAIL, answer(lambda s: s["properties"].update(preheader={"type": "string"})), MINOR),
    Edit("more may be missing", PERSONA, answer(lambda s: s["properties"]["missing"].update(maxItems=20)), MINOR),
    Edit("what the client emphasises is left out", RESEARCH, swap("- Put first what touches", "- Leave out what touches"), MINOR),
    Edit("a year to each figure", RESEARCH, swap("the same stage, the same name.", "the same stage, the same name. Say in which year it was true."), MINOR),
    Edit("greeted by last name", EMAIL, swap("Greet the contact by first name", "Greet the contact by family name"), MINOR),
    Edit("a softer opening", EMAIL, swap("Open with one true thing about the company: fresh news first, then funding, then size. Say the value as given.", "Begin with a friendly remark on what the company lately told the public about itself, and connect it to the season."), MINOR),
    Edit("a private e-mail", EMAIL, swap("one business e-mail", "one private e-mail"), MINOR),
    Edit("an analyst of sales", RESEARCH, swap("You are the research analyst", "You are the sales analyst"), MINOR),
    Edit("written to a team", EMAIL, swap("to one person at one company", "to one team at one company"), MINOR),
    Edit("funding before news", EMAIL, swap("fresh news first, then funding", "funding first, then fresh news"), MINOR),
    Edit("rules are called wishes", EMAIL, swap("## Rules", "## Wishes"), MINOR),
    Edit("the emphasis is no rule any more", EMAIL, swap("- Bring out the client's `emphasis`.\n", ""), MINOR),
    Edit("a follow-up is longer", EMAIL, swap("(sequence_step above 1) is shorter", "(sequence_step above 1) is longer"), MINOR, is_word=True),
    Edit("plain German", PERSONA, swap("Plain English", "Plain German"), MINOR),
    Edit("a word for what is missing", COMPETITIVE, swap("a sentence for each thing", "a word for each thing"), MINOR),
    Edit("guesses are weighed, not left out", RESEARCH, swap("no guesses, nothing from memory", "few guesses, nothing from memory"), MINOR, is_word=True),
    reworded("another tone than a formal one", "non-formal", "formal", MINOR, "The tone is {}.", is_word=True),
    reworded("figures that stand", "dont", "do", MINOR, "Figures of the company {} stand in the subject.", is_word=True),
    reworded("a reader who buys", "isnt", "is", MINOR, "The reader {} a buyer.", is_word=True),
    reworded("warm", "far from warm", "warm", MINOR, "The mail is {} and plain.", is_word=True),
    reworded("the most risk", "Minimise", "Maximise", MINOR, "{} the risk of a wrong claim."),
    reworded("the most risk, in American", "Minimize", "Maximize", MINOR, "{} the risk of a wrong claim."),
    reworded("below the limit", ">", "<", MINOR, "Use a fact where its confidence is {} 0.7.", is_word=True),
    reworded("above and no longer at the limit", "≥", ">", MINOR, "Use a fact where its confidence is {} 0.7.", is_word=True),
    reworded("news alone", "!=", "=", MINOR, "Use facts whose source {} news.", is_word=True),
    reworded("news alone, by another sign", "≠", "=", MINOR, "Use facts whose source {} news.", is_word=True),
    reworded("what is fresh", "!fresh", "fresh", MINOR, "Use facts that are {}.", is_word=True),
    reworded("above nought", "-5", "5", MINOR, "Growth of {} percent and worse is worth a word.", is_word=True),
    reworded("ten times as much", ".5", "5", MINOR, "Round to {} percent.", is_word=True),
    reworded("notable people", "not able", "notable", MINOR, "Write to people who are {} in their trade.", is_word=True),
    reworded("a hundred and twenty", "1 20", "120", MINOR, "Sections are {} words long.", is_word=True),
    reworded("several competitors", "competitor", "competitors", MINOR, "Compare with the strongest {}."),
    reworded("the prize", "price", "prize", MINOR, "Say the {} of the product."),
    reworded("weak", "weekly", "weakly", MINOR, "Speak of {} reports."),
    reworded("adapted", "Adopt", "Adapt", MINOR, "{} the client's wording."),
    reworded("assured", "Assume", "Assure", MINOR, "{} that the reader is busy."),
    reworded("those that complain", "compliant", "complaint", MINOR, "Speak of {} letters."),
    reworded("quite a tone", "quiet", "quite", MINOR, "Use a {} tone."),
    # none can
    Edit("lines are broken elsewhere", EMAIL, whole(lambda text: text.replace(",\n", ", \n").replace("client in <config>, to one", "client in <config>,\nto one")), PATCH),
    Edit("other quotes and dashes for lists", EMAIL, whole(lambda text: text.replace('"Re:"', "“Re:”").replace("\n- ", "\n* ")), PATCH),
    Edit("a slip of the pen is mended", RESEARCH, swap("You read what soures say", "You read what sources say"), PATCH, basis=swap("You read what sources say", "You read what soures say")),
    Edit("a slip in an order is mended", PERSONA, swap("the strongest frist", "the strongest first"), PATCH, basis=swap("the strongest first", "the strongest frist")),
    Edit("spelt as in America", PERSONA, swap("what its texts emphasise", "what its texts emphasize"), PATCH),
    Edit("a market analyst", COMPETITIVE, swap("You are the market analyst of an agency", "You are a market analyst of an agency"), PATCH),
    Edit("a colleague looks at it", EMAIL, swap("A colleague reads it, and it goes", "A colleague looks at it, and it goes"), PATCH),
    Edit("one word stands out", RESEARCH, swap("the most useful first.", "**the most useful first**."), PATCH),
    Edit("a heading without its hyphen, in capitals", EMAIL, swap("## Follow-up", "## FOLLOW UP"), PATCH),
    Edit("for instance", COMPETITIVE, swap("for example that no peer is known", "for instance that no peer is known"), PATCH),
    Edit("if it reads like an instruction", EMAIL, swap("even where it reads like one", "even if it reads like one"), PATCH),
    Edit("joined by and", RESEARCH, swap("short sentences, no bullet characters", "short sentences and no bullet characters"), PATCH),
    reworded("a longer word of a rule is mended", "recieve", "receive", PATCH, "Speak to those who {} the mail."),
    reworded("a missing letter is put in", "occured", "occurred", PATCH, "Speak of what {} at the company."),
    reworded("a word that stands elsewhere is mended", "custmer", "customer", PATCH, "Speak of the {} by name."),
    reworded("favours in American", "favours", "favors", PATCH, "Speak of what the company {}."),
    reworded("analysed in American", "analysed", "analyzed", PATCH, "Speak of what was {} there."),
    reworded("minimised in American", "Minimise", "Minimize", PATCH, "{} the risk of a wrong claim."),
    reworded("written as one word", "web site", "website", PATCH, "Speak of the {} of the company."),
    Edit("what lies on the desk", PERSONA, swap("and what is on that person's desk", "and what lies on that person's desk"), PATCH),
)  # fmt: skip
