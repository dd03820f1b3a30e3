"""Which language a text is written in, told by its most common words. Pure.

Half of running text are a few hundred words of each language, so thirty words tell these six apart; a model of all
languages would be megabytes more and no surer about a mail.
"""

import re

from agents_app.contracts import ENGLISH

WORD = re.compile(r"[^\W\d_]+")
ENOUGH = 0.125  # running text has about one common word in three


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COMMON = {
    "en": ENGLISH,
    "de": _set(
        "aber als am an auch auf aus bei bis das dass dem den der des die durch ein eine einem einen einer er es für "
        "haben hat ich ihr ihre ihrem ihren im in ist kann können mit nach nicht noch nur oder sehr sein sich sie sind "
        "so um und uns unser unsere von vor was wenn werden wie wir wird zu zum zur über"
    ),
    "fr": _set(
        "au aux avec ce ces cette comme dans de des du elle en est et il ils je la le les leur mais ne nos notre nous "
        "ou où par pas plus pour qu que qui sa se ses si son sont sur un une vos votre vous à été êtes"
    ),
    "es": _set(
        "al como con de del desde el ella en entre es esta este está ha han hay la las le lo los muy más no nos "
        "nuestra nuestro o para pero por que se ser si sin sobre son su sus también un una y ya"
    ),
    "it": _set(
        "ai al alla anche che chi ci come con da dal dei del della delle di e ed gli ha hanno i il in la le lo loro ma "
        "nel nella non nostra nostro o per più questa questo se si sono su sua suo sul un una vi è"
    ),
    "nl": _set(
        "aan als bij dat de deze die dit door een en er had heb hebben heeft het hij hoe ik in is je kan maar meer met "
        "naar niet nog of om onze ook op over te uit uw van voor was wat we wel wij worden zij zijn zo"
    ),
}
NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch"}


def shares(text: str) -> dict[str, float]:
    """{language: the share of the text's words that are common ones of it}; all 0 for a text without words."""
    words = WORD.findall(text.casefold())
    return {key: sum(word in common for word in words) / max(len(words), 1) for key, common in COMMON.items()}


def is_in(language: str, text: str) -> bool:
    """Whether enough of its words are that language's common ones, and no other language has more."""
    found = shares(text)
    return found[language] >= ENOUGH and found[language] == max(found.values())
