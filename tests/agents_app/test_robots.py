import pytest

from agents_app.research.robots import allows

SHUT = "User-agent: *\nDisallow: /"


@pytest.mark.parametrize(
    ("robots", "path", "allowed"),
    [
        ("", "/", True), (SHUT, "/", False), (SHUT, "/about?x=1", False), ("User-agent: *\nDisallow:", "/", True),
        ("<html><title>Not found: here</title>", "/", True),
        ("User-agent: *\nDisallow: /private", "/about", True), ("User-agent: *\nDisallow: /about", "/about-us", False),
        ("User-agent: *\nDisallow: /\nAllow: /about", "/about", True), ("User-agent: *\nAllow: /\nDisallow: /about", "/about", False),
        ("User-agent: *\nDisallow: /about\nAllow: /about", "/about", True),
        ("User-agent: *\nDisallow: /*", "/", False), ("User-agent: *\nDisallow: *", "/", False), ("User-agent: *\nDisallow: /*.php$", "/a.php", False), ("User-agent: *\nDisallow: /*.php$", "/a.php?x", True),
        ("User-agent: *\nDisallow: /$", "/", False), ("User-agent: *\nDisallow: /$", "/about", True), ("User-agent: *\nDisallow: /a*b*c", "/axxbxxc/d", False), ("User-agent: *\nDisallow: /a*b*c", "/axxcxxb", True),
        ("User-agent: *\nDisallow: /*?", "/about", True), ("User-agent: *\nDisallow: /*?", "/about?x=1", False),
        ("User-agent: *\nDisallow: /a%62out", "/about", False), ("User-agent: *\nDisallow: /über-uns", "/%C3%BCber-uns", False),
        ("\ufeffUser-Agent:*\r\nDISALLOW :/about # not for programs\r\n", "/about", False),
        ("Disallow: /\nUser-agent: *\nAllow: /", "/", True), ("User-agent: *\nCrawl-delay: 10\nSitemap: /\nDisallow: /x", "/", True),
    ],
)  # fmt: skip
def test_the_longest_rule_that_fits_a_path_counts(robots, path, allowed):
    assert allows(robots, "gtm", f"https://acme.example{path}") is allowed


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        ("User-agent: gtm\nDisallow: /", False),
        ("User-agent: GTM/2.0\nDisallow: /", False),
        ("User-agent: gtmetrix\nDisallow: /", True),
        (f"{SHUT}\n\nUser-agent: gtm\nAllow: /", True),
        (f"User-agent: gtm\nDisallow: /x\n\n{SHUT}", True),
        ("User-agent: other\nUser-agent: gtm\nDisallow: /", False),
        ("User-agent: gtm\nDisallow: /x\n\nUser-agent: other\nDisallow:\n\nUser-agent: gtm\nDisallow: /", False),
        ("User-agent: gtm\n\nUser-agent: *\nDisallow: /", False),
    ],
)
def test_a_group_that_names_us_counts_before_the_one_for_anybody(robots, allowed):
    assert allows(robots, "gtm", "https://acme.example/") is allowed


def test_a_rule_full_of_stars_takes_no_long_time():
    robots = "User-agent: *\nDisallow: /" + "*a" * 2_000 + "b$"

    assert allows(robots, "gtm", "https://acme.example/" + "a" * 50_000)
