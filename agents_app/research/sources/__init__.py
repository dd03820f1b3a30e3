"""One module a source, all alike: `fetch`, `read`, and a `SOURCE` that says what there is to know about it."""

from collections.abc import Mapping

from agents_app.research.source import Source
from agents_app.research.sources import (
    apollo,
    builtwith,
    crunchbase,
    gdelt,
    github,
    linkedin,
    mail_host,
    newsapi,
    newscatcher,
    people_data_labs,
    sec_edgar,
    wappalyzer,
    website,
    wikidata,
)

MODULES = (
    people_data_labs,
    apollo,
    crunchbase,
    linkedin,
    newsapi,
    newscatcher,
    gdelt,
    sec_edgar,
    wikidata,
    github,
    website,
    mail_host,
    builtwith,
    wappalyzer,
)
SOURCES: Mapping[str, Source] = {module.SOURCE.key: module.SOURCE for module in MODULES}
