import json
from collections import Counter
from datetime import date

from gtm.sandbox.world import COMPANIES, FOLDER


def test_the_world_has_at_least_forty_companies_in_six_industries():
    industries = Counter(company.industry for company in COMPANIES.values())

    assert len(COMPANIES) >= 40
    assert set(industries) >= {"fintech", "healthcare", "saas", "manufacturing", "logistics", "retail"}
    assert COMPANIES["northwind-bank.example"].industry == "fintech"


def test_every_domain_is_one_that_nobody_can_own():
    assert all(domain.endswith(".example") for domain in COMPANIES)
    assert sum(len(json.loads(file.read_text())) for file in FOLDER.glob("*.json")) == len(COMPANIES)


def test_each_of_eighteen_months_has_news_and_no_headline_is_told_twice():
    told = [news for company in COMPANIES.values() for news in company.news]

    months = {f"{news.on:%Y-%m}" for news in told}
    assert months >= {f"{(2025 * 12 + 5 + n) // 12}-{(5 + n) % 12 + 1:02d}" for n in range(18)}
    assert len({news.title for news in told}) == len(told)


def test_the_world_holds_gaps_and_contradictions_for_research_to_meet():
    companies = COMPANIES.values()

    assert any("people_data_labs" in company.unknown_to for company in companies)
    assert any("newsapi" in company.unknown_to for company in companies)
    assert any(not company.news for company in companies)
    assert any(company.seen_by for company in companies)


def test_funding_is_told_whole_or_not_at_all():
    for company in COMPANIES.values():
        told = [
            company.funding_total_usd is not None,
            bool(company.funding_stage),
            isinstance(company.funding_date, date),
        ]
        assert len(set(told)) == 1, company.domain
