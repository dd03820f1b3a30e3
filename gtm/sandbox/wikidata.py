"""The stand-in for Wikidata's action API: GET https://www.wikidata.org/w/api.php, with `action` query (list=search),
wbsearchentities and wbgetentities.

Errors come with status 200 and name themselves in a header. What is asked of an item, and in which languages, is what
comes back; `gtm/sandbox/wikidata_items.py` has the items.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gtm.sandbox import wikidata_items
from gtm.sandbox.asked import Answer, Asked

KEY = "wikidata"
HELP = "See https://www.wikidata.org/w/api.php for API usage."
ROBOT = b"Please set a user-agent and respect our robot policy https://w.wiki/4wJS."
LONGEST_SEARCH = 300
MOST_IDS = 50
Params = Mapping[str, str]


class _Wrong(Exception):
    def __init__(self, code: str, info: str) -> None:
        super().__init__(info)
        self.code = code


def answer(asked: Asked) -> Answer:
    if not asked.headers.get("user-agent") or asked.headers["user-agent"].startswith("python-"):
        return Answer(403, ROBOT, {"content-type": "text/plain"})
    if asked.path != "/w/api.php":
        return Answer(404, b"<!DOCTYPE html><title>Not Found</title>", {"content-type": "text/html"})
    if asked.params.get("format") != "json":
        return Answer(200, b"<!DOCTYPE html><title>MediaWiki API result</title>", {"content-type": "text/html"})
    try:
        return Answer(200, _answer(asked.params))
    except _Wrong as wrong:
        error = {"code": wrong.code, "info": str(wrong), "*": HELP}
        return Answer(200, {"error": error, "servedby": "mw-api-ext"}, {"mediawiki-api-error": wrong.code})


def _answer(params: Params) -> dict[str, Any]:
    action = params.get("action", "")
    if action not in ACTIONS:
        raise _Wrong("badvalue", f'Unrecognized value for parameter "action": {action}.')
    if params.get("maxlag", "0").startswith("-"):
        raise _Wrong("maxlag", "Waiting for 10.64.0.1: 0.2 seconds lagged.")
    return ACTIONS[action](params)


def _search(params: Params) -> dict[str, Any]:
    search = params.get("srsearch", "")
    if params.get("list") != "search" or not search:
        raise _Wrong("missingparam", 'The "srsearch" parameter must be set.')
    if len(search) > LONGEST_SEARCH:
        said = f"Search request is longer than the maximum allowed length. ({len(search)} > {LONGEST_SEARCH})"
        raise _Wrong("cirrussearch-query-too-long", said)
    wanted = re.fullmatch(r'haswbstatement:"?([^"]+)"?', search)
    statements = set(wanted[1].split("|")) if wanted else set()
    found = [number for number, item in wikidata_items.items().items() if statements & set(_statements(item))]
    hits = [
        {"ns": 0, "title": number, "pageid": int(number[1:]) + 100} for number in found[: _limit(params, "srlimit")]
    ]
    return {"batchcomplete": "", "query": {"searchinfo": {"totalhits": len(found)}, "search": hits}}


def _statements(item: Mapping[str, Any]) -> list[str]:
    """Every statement with a text, also one that is deprecated, as its index has them."""
    listed = [(number, each["mainsnak"]) for number, claims in item["claims"].items() for each in claims]
    said = [(number, snak["datavalue"]["value"]) for number, snak in listed if "datavalue" in snak]
    return [f"{number}={value}" for number, value in said if isinstance(value, str)]


def _search_entities(params: Params) -> dict[str, Any]:
    for needed in ("search", "language"):
        if not params.get(needed):
            raise _Wrong("missingparam", f'The "{needed}" parameter must be set.')
    wanted = params["search"].casefold()
    labelled = [(number, _label(item), item) for number, item in wikidata_items.items().items()]
    found = [each for each in labelled if each[1].casefold().startswith(wanted)]
    hits = [_hit(*each) for each in found[: _limit(params, "limit")]]
    return {"searchinfo": {"search": params["search"]}, "search": hits, "success": 1}


def _hit(number: str, label: str, item: Mapping[str, Any]) -> dict[str, Any]:
    described = item["descriptions"].get("en", {}).get("value", "")
    return {
        "id": number,
        "title": number,
        "pageid": int(number[1:]) + 100,
        "concepturi": f"http://www.wikidata.org/entity/{number}",
        "repository": "wikidata",
        "url": f"//www.wikidata.org/wiki/{number}",
        "label": label,
        "description": described,
        "match": {"type": "label", "language": "en", "text": label},
    }


def _limit(params: Params, name: str) -> int:
    text = params.get(name, "7")
    if not text.isdigit() or not 1 <= int(text) <= 50:
        raise _Wrong("badinteger", f'Invalid value "{text}" for integer parameter "{name}".')
    return int(text)


def _get_entities(params: Params) -> dict[str, Any]:
    numbers = [each for each in params.get("ids", "").split("|") if each]
    if not numbers:
        raise _Wrong("param-missing", 'Either provide the Item "ids" or pairs of "sites" and "titles".')
    if len(numbers) > MOST_IDS:
        raise _Wrong("toomanyvalues", f'Too many values supplied for parameter "ids". The limit is {MOST_IDS}.')
    for number in numbers:
        if not re.fullmatch(r"Q[1-9]\d*", number):
            raise _Wrong("no-such-entity", f'Could not find an entity with the ID "{number}".')
    return {"entities": {number: _entity(number, params) for number in numbers}, "success": 1}


def _entity(number: str, params: Params) -> dict[str, Any]:
    item = wikidata_items.items().get(number)
    if item is None:
        return {"id": number, "missing": ""}
    shown: dict[str, Any] = {"type": "item", "id": number}
    for part in params.get("props", "labels|descriptions|claims").split("|"):
        if part in ("labels", "descriptions"):
            shown[part] = _texts(item[part], params)
        elif part == "claims":
            shown[part] = item["claims"]
    return shown


def _texts(known: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """With a fallback a language that has no text of its own shows the one that is the same in all languages."""
    if "languages" not in params:
        return dict(known)
    shown = {}
    for language in params["languages"].split("|"):
        if language in known:
            shown[language] = known[language]
        elif "mul" in known and "languagefallback" in params:
            shown[language] = {**known["mul"], "for-language": language}
    return shown


def _label(item: Mapping[str, Any]) -> str:
    labels = item["labels"]
    return str((labels.get("en") or labels["mul"])["value"])


ACTIONS: Mapping[str, Callable[[Params], dict[str, Any]]] = {
    "query": _search,
    "wbsearchentities": _search_entities,
    "wbgetentities": _get_entities,
}
