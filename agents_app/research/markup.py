"""What a web page says in forms that machines read: structured data, meta elements, scripts, its title. Pure."""

import json
from html.parser import HTMLParser

MOST = 200  # of anything on one page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.json_ld: list[str] = []
        self.meta: dict[str, str] = {}
        self.scripts: list[str] = []
        self.title = ""
        self._inside: list[str] | None = None
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "meta" and len(self.meta) < MOST:
            name = said.get("name") or said.get("property") or said.get("itemprop")
            if name:
                self.meta.setdefault(name.lower(), said.get("content", ""))
        elif tag == "script" and said.get("src") and len(self.scripts) < MOST:
            self.scripts.append(said["src"])
        is_data = tag == "script" and said.get("type", "").partition(";")[0].strip().lower() == "application/ld+json"
        if is_data or (tag == "title" and not self.title):
            self._inside, self._tag = [], tag

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._inside is None or tag != self._tag:
            return
        text = "".join(self._inside)
        if tag == "title":
            self.title = " ".join(text.split())
        elif len(self.json_ld) < MOST:
            self.json_ld.append(text)
        self._inside = None


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader


def json_ld(html: str) -> list[object]:
    """Every node of the page's JSON-LD, those of lists and of `@graph` one by one; blocks that are no JSON are left
    out."""
    nodes: list[object] = []
    for block in _read(html).json_ld:
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
    return _read(html).meta


def scripts(html: str) -> list[str]:
    """Addresses of the scripts that the page loads, as written."""
    return _read(html).scripts


def title(html: str) -> str:
    return _read(html).title
