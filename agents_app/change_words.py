"""What was changed in the words of a prompt, and whether it can alter what an agent does. Pure.

A sentence is compared as words alone, so spaces, line ends, signs and capitals count for nothing. Whatever touches a
negation, a number or amount, a name in the material or a verb that orders something can alter the answer; so can any
other word of a sentence that orders something, unless it is only spelt otherwise. There is no list of all words, so
what is a slip of the pen is told from its shape and from the words that stand elsewhere in the text; where that leaves
doubt, it is another word.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from rapidfuzz.distance import OSA, Levenshtein

TOKEN = re.compile(
    r"`[^`]+`|</?[^\W\d]\w*>|(?:config|context|facts)(?:\.\w+)+|(?:(?<![\w.])\.)?\d+(?:[.,]\d+)*|\w+(?:'\w+)*"
    r"|!=|≠|(?<![\w!])!(?=\w)|(?<!\w)[-\u2212\u2013](?=[.,]?\d)|[$€£%≤≥<>=+]"
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`<\"“(])|\n\s*(?=[-*•]\s|\d+[.)]\s)|\n\s*\n")
MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*")  # of an item in a list
EMPHASIS = re.compile(r"\*{1,2}(\S(?:.*?\S)?)\*{1,2}")
APOSTROPHES = str.maketrans("\u2018\u2019", "''")
PREFIXES = ("un", "in", "im", "non", "dis", "mis")
SIGNS = frozenset("$€£%≤≥<>=+-\u2212\u2013")  # of a number, or beside one


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NEGATIONS = _set(
    "no not never none nobody nothing nor neither without avoid avoids only except unless cannot instead rather "
    "exclude forbid forbidden refuse stop lack lacks fail fails hardly far non but ! != ≠ "
    "dont doesnt didnt isnt arent wasnt werent wont cant couldnt shouldnt wouldnt mustnt neednt hasnt havent hadnt"
)
AMOUNTS = _set(
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand half "
    "twice once single double first second third last each every all any some both either most more less least fewer "
    "few many much several up down below above before after longer shorter maximum minimum exactly about always often "
    "sometimes usually"
)
MODALS = _set("must should shall may can could need needs ought required allowed have has")
ORDERS = _set(
    "adapt add adopt answer ask assume assure avoid base be begin bring change check choose cite close combine "
    "compare consider count cut decrease describe do draw drop end ensure exclude explain find finish fit focus "
    "follow give go greet guess highlight ignore include increase invent join judge keep lead leave let limit link "
    "list look lower make match maximise maximize mend mention minimise minimize mirror name never note offer omit "
    "open paraphrase pick place praise prefer prioritise prioritize propose put quote raise read reduce refer "
    "refrain remove repeat replace report rest return say see select sell send separate set shorten show sign skip "
    "sort speak spell start state stay stick stop summarise summarize support take tell think translate treat try "
    "turn use verify weigh write"
)
FILLERS = _set("a an the of that which this these those it its is are as so then also and please just to")
SAME = (_set("if when where"), _set("is lies stands sits"), _set("example instance"), _set("begin start"))
OTHERWISE = (  # how one word is spelt in two countries: British, then American
    (re.compile(r"(?<=\w{3}[iy])s(?=(?:e[drs]?|ers|ing|ations?)$)"), "z"),
    (re.compile(r"(?<=\w{2})our(?=(?:s|ed|ing|ably|able|al|ite|ites|less|ful)?$)"), "or"),
)
TWINS = tuple(  # two words that such a slip makes of each other
    _set(pair)
    for pair in (
        "from form", "trial trail", "trialing trailing", "quiet quite", "casual causal", "casually causally",
        "angle angel", "united untied", "diary dairy", "complaint compliant", "perfect prefect", "perform preform",
        "martial marital", "silver sliver", "statute statue", "county country", "through thorough", "latter later",
        "desert dessert", "uninformed uniformed", "starting stating", "sending spending", "selling spelling",
        "patient patent", "planning planing", "staring starring",
    )
)  # fmt: skip
LONG = 7  # letters of a word that such a slip hardly makes another word of
DOUBLE = re.compile(r"(\w)\1")
AT_ORDER = re.compile(r"(?:^|[,:;(\u2013-]\s*|\b(?:and|or|then|please)\s+)([a-z]+)")


class Touched(NamedTuple):
    """What a change touched, in words; `what` is one of negation, number, variable, order, sentence, wording."""

    what: str
    told: str


class Sentence(NamedTuple):
    """`raw` as it is written, on one line; `words` as they are compared; `orders` are those of its verbs that order
    something."""

    raw: str
    words: tuple[str, ...]
    orders: frozenset[str]

    @property
    def text(self) -> str:
        return MARK.sub("", self.raw)

    @property
    def is_instruction(self) -> bool:
        """What speaks to the agent itself tells it what to be or to do."""
        speaks = self.words[0] in {"you", "your"}
        return speaks or bool(self.orders or MODALS.intersection(self.words) or NEGATIONS.intersection(self.words))

    def quoted(self, start: int, end: int) -> str:
        """The words from `start` up to `end` as they are written, signs between them too, so that erasure finds in them
        whom it looks for."""
        places = [found.span() for found in TOKEN.finditer(self.raw.translate(APOSTROPHES))]
        if len(places) != len(self.words):
            return self.text
        return self.raw[places[start][0] : places[end - 1][1]] if start < end else ""


def normalised(text: str) -> str:
    """The words alone, small, one space apart: what counts as the same text."""
    return " ".join(_words(text))


def edit_ratio(old: str, new: str) -> float:
    """0 to 1: the share of characters to change, of the longer text (Levenshtein), of normalised texts."""
    return Levenshtein.normalized_distance(normalised(old), normalised(new))


def in_both(old: str, new: str) -> set[str]:
    """The words that stand in both texts: those are spelt as they are meant."""
    return {*_words(old)} & {*_words(new)}


def touched(old: str, new: str, known: Collection[str] = (), *, is_instruction: bool = False) -> list[Touched]:
    """What differs between two texts in a way that can alter an answer; nothing where only the spelling does.

    `known` are words of theirs that are no slips of the pen (`in_both`, of all that the two are parts of). With
    `is_instruction` every sentence counts as an order, as among rules.
    """
    left, right = _sentences(old), _sentences(new)
    found: list[Touched] = []
    for tag, a, b, c, d in _opcodes([each.words for each in left], [each.words for each in right]):
        if tag != "equal":
            found += _block(left[a:b], right[c:d], known, is_instruction=is_instruction)
    return list(dict.fromkeys(found))


def _block(
    old: Sequence[Sentence], new: Sequence[Sentence], known: Collection[str], *, is_instruction: bool
) -> Iterator[Touched]:
    """Sentences that stand in each other's place."""
    if _all_words(old) == _all_words(new):
        return  # only the signs between them differ
    if len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _sentence(before, after, known, is_instruction=is_instruction)
        return
    gone, come = (
        Counter(_all_words(old)) - Counter(_all_words(new)),
        Counter(_all_words(new)) - Counter(_all_words(old)),
    )
    orders = frozenset[str]().union(*(each.orders for each in (*old, *new)))
    yield from _marked([*gone], [*come], orders)
    word = "new" if len(new) > len(old) else "gone"
    text = max(new if word == "new" else old, key=lambda each: len(each.words)).text
    yield Touched("sentence", f"a sentence is {word}: “{_short(text)}”")


def _sentence(old: Sentence, new: Sentence, known: Collection[str], *, is_instruction: bool) -> Iterator[Touched]:
    orders = old.orders | new.orders
    is_order = is_instruction or old.is_instruction or new.is_instruction
    for tag, a, b, c, d in _opcodes(old.words, new.words):
        gone, come = old.words[a:b], new.words[c:d]
        if tag == "equal" or _american(gone) == _american(come):
            continue
        told = _told(old.quoted(a, b), new.quoted(c, d))
        marked = list(_marked(gone, come, orders, told))
        yield from marked
        if not marked and is_order and not _is_spelling(gone, come, known):
            yield Touched("wording", f"an instruction is worded otherwise: {told}")


def _marked(gone: Sequence[str], come: Sequence[str], orders: Collection[str], told: str = "") -> Iterator[Touched]:
    """`told` says the whole change, where its words stand side by side."""
    for what, is_it in _marks(orders).items():
        left, right = [word for word in gone if is_it(word)], [word for word in come if is_it(word)]
        if left or right:
            is_all = told and len(left) + len(right) == len(gone) + len(come)
            yield Touched(what, f"{NAMED[what]}: {told if is_all else _told(' '.join(left), ' '.join(right))}")
    if any(_is_opposite(one, other) for one in gone for other in come):
        yield Touched("negation", f"{NAMED['negation']}: {told or _told(' '.join(gone), ' '.join(come))}")


NAMED = {
    "negation": "a negation or an exception changed",
    "number": "a number or an amount changed",
    "variable": "a name in the material or the answer changed",
    "order": "what it is told to do changed",
}


def _marks(orders: Collection[str]) -> dict[str, Callable[[str], bool]]:
    return {
        "negation": lambda word: word in NEGATIONS or word.endswith("n't"),
        "number": lambda word: _is_number(word) or word in AMOUNTS,
        "variable": lambda word: not _is_number(word) and (word[0] in "`<" or "." in word or "_" in word),
        "order": lambda word: word in MODALS or word in orders,
    }


def _is_number(word: str) -> bool:
    """Also one that only holds a digit, such as "q3", and the signs of numbers."""
    return word in SIGNS or (word[0] not in "`<" and any(letter.isdigit() for letter in word))


def _is_opposite(one: str, other: str) -> bool:
    """“known” and “unknown”."""
    short, long = sorted((one, other), key=len)
    return len(short) > 2 and any(long == prefix + short for prefix in PREFIXES)


def _is_spelling(gone: Sequence[str], come: Sequence[str], known: Collection[str]) -> bool:
    """Whether the words are the same, spelt otherwise, apart from words that say nothing by themselves."""
    if "".join(gone) == "".join(come):
        return True
    if len(gone) == len(come) and all(_spelt_alike(*pair, known) for pair in zip(gone, come, strict=True)):
        return True
    return all(word in FILLERS for word in (*gone, *come))


def _spelt_alike(one: str, other: str, known: Collection[str]) -> bool:
    """Two words that both stand elsewhere in the text are two words. Where one does, the other is a slip of the pen if
    it lacks a letter within, writes one twice or once, or has two neighbours in each other's place; where neither does,
    only the last two are, in a long word."""
    pair = {one, other}
    if _american([one]) == _american([other]) or pair <= FILLERS or any(pair <= words for words in SAME):
        return True
    stand = len(pair.intersection(known))
    if stand == 2 or pair in TWINS or len(one) < 4 or (one[0], one[-1]) != (other[0], other[-1]):
        return False
    if OSA.distance(one, other) != 1:
        return False
    if sorted(one) == sorted(other) or DOUBLE.sub(r"\1", one) == DOUBLE.sub(r"\1", other):
        return stand == 1 or min(len(one), len(other)) >= LONG
    return stand == 1 and len(one) != len(other)


def _american(words: Sequence[str]) -> list[str]:
    spelt = list(words)
    for british, american in OTHERWISE:
        spelt = [british.sub(american, word) for word in spelt]
    return spelt


# --- a text as sentences of words


def _sentences(text: str) -> list[Sentence]:
    found = [(part, _words(part)) for part in SENTENCE_END.split(text)]
    return [Sentence(" ".join(part.split()), words, _orders(part, words)) for part, words in found if words]


def _words(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", text).translate(APOSTROPHES).casefold()
    return tuple(TOKEN.findall(EMPHASIS.sub(r"\1", plain)))


def _orders(text: str, words: Sequence[str]) -> frozenset[str]:
    """Its verbs that stand where an order begins: first, or after a comma, a colon or “and”."""
    bare = MARK.sub("", text.casefold())
    return ORDERS.intersection(AT_ORDER.findall(bare)).intersection(words)


def _all_words(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    return tuple(word for each in sentences for word in each.words)


def _opcodes(old: Sequence[object], new: Sequence[object]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _told(gone: str, come: str) -> str:
    left, right = _short(gone), _short(come)
    if not gone or not come:
        return f"“{right}” is new" if come else f"“{left}” is gone"
    return f"“{left}” becomes “{right}”"


def _short(text: str) -> str:
    """Cut between two words: erasure would not find half a name."""
    return text if len(text) <= 80 else f"{text[:80].rpartition(' ')[0]}…"
