"""One module a source, all alike: `fetch`, `read`, and a `SOURCE` that says what there is to know about it."""

from collections.abc import Mapping

from agents_app.research.source import Source
from agents_app.research.sources import github, newsapi, people_data_labs, wikidata

SOURCES: Mapping[str, Source] = {
    module.SOURCE.key: module.SOURCE
    for module in (
        people_data_labs,
        newsapi,
        wikidata,
        github,
    )
}
