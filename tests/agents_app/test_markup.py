import time

import pytest

from agents_app.research import markup

PAGE = """<!DOCTYPE html><html><head>
<META NAME="Description" content="Tools &amp; more"><meta name=description content=second>
<meta property='og:title' content='It"s'><meta charset=utf-8>
<title> Ostrava
 Tools &ndash; home </title><title>Not this</title>
<script src=/a.js async></script><SCRIPT type='text/javascript'>var a = "</p><script src='x'>", b=['https:\\/\\/cdn.tools.example\\/x.js',`//y.example/1.2`];</SCRIPT>
<script type="application/ld+json; charset=utf-8">[{"@type": "A"}, {"@graph": [{"@type": "B"}, [3]]}]</script>
<script type="application/ld+json">{"broken": }</script><script type="application/json">{"x": 1}</script>
<link rel="preload stylesheet" href="/b.css"><link rel=canonical href="/c">
<style>a:after { content: "<img src='no.png'>" }</style>
</head><body><!-- <img src="hidden.png"> --><img src="d.png"/><iframe src="e"></iframe><form action="f"></form>
<textarea><img src="typed.png"></textarea><a href="/g?x=1&amp;y=2">G</a><a name=h>H</a>
<noscript><img src="pixel.gif"></noscript></body>"""


def test_what_machines_read_of_a_page_is_found_as_a_browser_would_find_it():
    page = markup.page(PAGE)

    assert page.meta == {"description": "Tools & more", "og:title": 'It"s'}
    assert page.title == "Ostrava Tools \u2013 home"
    assert page.scripts == ["/a.js"]
    assert page.named == ["https://cdn.tools.example/x.js", "//y.example/1.2"]
    assert page.addresses == ["/b.css", "d.png", "e", "f", "pixel.gif"]
    assert page.links == ["/g?x=1&y=2"]
    assert markup.json_ld(PAGE) == [{"@type": "A"}, {"@type": "B"}, 3]


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>open", "open"), ("<title>a</title >b", "a"), ("<TITLE>a</TITLE>", "a"), ("<title/>a</title>", "a"), ("<title x='>'>a</title>", "a"),
        ("<titles>a</titles>", ""), ("<!-- <title>a</title>", ""), ("<!----><title>a</title>", "a"), ("< title>a</title>", ""),
        ("<a title='<title>b</title>'><title>a</title>", "a"), ("<title>&#" + "9" * 5000 + ";</title>", "\ufffd"), ("", ""),
    ],
)  # fmt: skip
def test_odd_markup_is_read_without_a_stumble(html, title):
    assert markup.title(html) == title


def test_of_anything_no_more_is_read_than_a_page_can_need():
    page = markup.page("".join(f'<a href="/{n}"><meta name="m{n}" content="{"x" * 3000}">' for n in range(300)))

    assert (len(page.links), len(page.meta), len(page.meta["m0"])) == (200, 200, 2000)


@pytest.mark.parametrize(
    "piece",
    [
        "<a ", "<", "<!", "<!--", "</", "<a x=", "<a x='", '<a x="', "<a x='\"", "&#", "<title>", "<script>", "<script></scr", "<a/", "<a ====", "x=1 ",
        "<script type=application/ld+json>", "<script>//cdn.", "<script src='js.hs-", "[", '{"a":',
    ],
)  # fmt: skip
def test_a_page_costs_no_more_time_than_it_is_long(piece):
    html = "<a " + piece * (400_000 // len(piece))
    started = time.process_time()

    markup.page(html)
    markup.json_ld(f"<script type=application/ld+json>{html[3:]}</script>")

    assert time.process_time() - started < 3.0


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Zürich".encode(), "text/html", "Zürich"), ("Zürich".encode("latin-1"), "text/html; charset=ISO-8859-1", "Zürich"),
        ('<meta charset="windows-1252">Zürich'.encode("cp1252"), "", '<meta charset="windows-1252">Zürich'),
        (b"<meta http-equiv=content-type content='text/html; charset=shift_jis'>\x93\xfa", "text/html", "<meta http-equiv=content-type content='text/html; charset=shift_jis'>日"),
        ("Zürich".encode(), "text/html; charset=punycode", "Zürich"), ("Zürich".encode(), "text/html; charset=iso-8859-99", "Zürich"), (b"Z\xff", "text/html; charset=utf-8", "Z�"),
    ],
)  # fmt: skip
def test_a_page_is_decoded_as_it_says_where_that_is_a_charset_of_pages(body, content_type, text):
    assert markup.decoded(body, content_type) == text
