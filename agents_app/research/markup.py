"""What a web page says in forms that machines read: structured data, meta elements, scripts, addresses, title. Pure.

Pages come from anybody, so they are read in one pass that never goes back: a page costs as much time as it is long,
however it is written. What counts as an element, an attribute or a comment is close to HTML's own tokenizer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape

MOST = 200  # of anything on one page
MOST_NAMED = 500
MOST_ATTRIBUTES = 50
LONGEST = 2_000  # characters of one attribute

OPENING = re.compile(r"<(?:!--|([a-zA-Z][^\s/>]*))")
ATTRIBUTE = re.compile(r"""[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
ENDS = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE) for tag in ("script", "style", "textarea", "title")}
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
CHARSETS = re.compile(
    r"utf-?8|utf-16(-?[lb]e)?|us-ascii|iso-8859-\d+|windows-125\d|koi8-[ru]|gb(k|2312|18030)|big5|shift_jis|euc-(jp|kr)"
)
WORD = re.compile(r"[^\s\"'`<>()\\;,]+")
PROGRAMS = ("", "module", "text/javascript", "application/javascript")
LOADED_BY = {"iframe": "src", "img": "src", "form": "action", "embed": "src"}
LOADING = {"stylesheet", "preload", "preconnect", "dns-prefetch", "modulepreload"}


@dataclass
class Page:
    """`named`: addresses that programs on the page name; `addresses`: what it loads or sends to, besides scripts."""

    json_ld: list[str] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    title: str = ""


def decoded(body: bytes, content_type: str) -> str:
    """The text of a page, in the charset that its header or its first kilobyte names, else in UTF-8."""
    found = CHARSET.search(content_type) or CHARSET.search(body[:1024].decode("ascii", "ignore"))
    charset = found[1].lower() if found else ""
    try:
        return body.decode(charset if CHARSETS.fullmatch(charset) else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


@lru_cache(maxsize=4)  # each claim of a page looks into it again
def page(html: str) -> Page:
    """To be read only: the same page is given to whoever asks next."""
    found = Page()
    for tag, attributes, text in _elements(html):
        if tag == "meta":
            _read_meta(found, attributes)
        elif tag == "script":
            _read_script(found, attributes, text)
        elif tag == "title":
            found.title = found.title or " ".join(unescape(text[:LONGEST]).split())
        else:
            _read_address(found, tag, attributes)
    return found


def _elements(html: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Each element's name and attributes, and what stands in those that hold no other elements."""
    at = 0
    while found := OPENING.search(html, at):
        if found[1] is None:
            at = html.find("-->", found.end())
            if at < 0:
                return
            continue
        tag, text = found[1].lower(), ""
        attributes, at = _attributes(html, found.end())
        if tag in ENDS:
            end = ENDS[tag].search(html, at)
            start, at = at, end.start() if end else len(html)
            text = html[start:at]
        yield tag, attributes, text


def _attributes(html: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of the element whose name ends at `at`, the first of a name, and where the element's tag ends."""
    said: dict[str, str] = {}
    while found := ATTRIBUTE.match(html, at):
        at = found.end()
        if len(said) < MOST_ATTRIBUTES:
            value = found[2] or found[3] or found[4] or ""
            said.setdefault(found[1].lower(), unescape(value[:LONGEST]).strip())
    end = html.find(">", at)
    return said, end + 1 if end >= 0 else len(html)


def _read_meta(found: Page, attributes: dict[str, str]) -> None:
    name = attributes.get("name") or attributes.get("property") or attributes.get("itemprop")
    if name and len(found.meta) < MOST:
        found.meta.setdefault(name.lower(), attributes.get("content", ""))


def _read_script(found: Page, attributes: dict[str, str], text: str) -> None:
    kind = attributes.get("type", "").partition(";")[0].strip().lower()
    if attributes.get("src"):
        _add(found.scripts, attributes["src"])
    elif kind == "application/ld+json":
        _add(found.json_ld, text)
    elif kind in PROGRAMS:
        for word in WORD.findall(text.replace("\\/", "/")):
            if "." in word and "/" in word and word[:LONGEST] not in found.named:
                _add(found.named, word[:LONGEST], most=MOST_NAMED)


def _read_address(found: Page, tag: str, attributes: dict[str, str]) -> None:
    if tag == "a":
        _add(found.links, attributes.get("href", ""))
    elif tag in LOADED_BY:
        _add(found.addresses, attributes.get(LOADED_BY[tag], ""))
    elif tag == "link" and LOADING & set(attributes.get("rel", "").lower().split()):
        _add(found.addresses, attributes.get("href", ""))


def _add(to: list[str], text: str, most: int = MOST) -> None:
    if text and len(to) < most:
        to.append(text)


@lru_cache(maxsize=4)
def json_ld(html: str) -> list[object]:
    """Every node of the page's JSON-LD, those of lists and of `@graph` one by one; blocks that are no JSON are left
    out. To be read only, like the page."""
    nodes: list[object] = []
    for block in page(html).json_ld:
        try:
            nodes += _nodes(json.loads(block))
        except (ValueError, RecursionError):
            continue
    return nodes[:MOST]


def _nodes(said: object) -> list[object]:
    if isinstance(said, list):
        return [node for each in said for node in _nodes(each)]
    if isinstance(said, dict) and isinstance(said.get("@graph"), list):
        return _nodes(said["@graph"])
    return [said]


def meta(html: str) -> dict[str, str]:
    """name or property of each meta element, in small letters → its content; the first of a name counts."""
    return page(html).meta


def scripts(html: str) -> list[str]:
    """Addresses of the scripts that the page loads, as written."""
    return page(html).scripts


def title(html: str) -> str:
    return page(html).title
