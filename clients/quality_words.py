"""Words that the quality rules know."""

ROLES = frozenset((
    "abuse", "accounting", "accounts", "admin", "administrator", "billing", "bookings", "careers", "contact",
    "customerservice", "datenschutz", "dpo", "einkauf", "enquiries", "feedback", "finance", "hello", "help",
    "helpdesk", "hostmaster", "hr", "info", "jobs", "kontakt", "mail", "marketing", "media", "newsletter", "no-reply",
    "noreply", "office", "orders", "postmaster", "press", "privacy", "purchasing", "reception", "recruiting", "root",
    "sales", "sales-team", "security", "service", "support", "team", "vertrieb", "webmaster",
))  # fmt: skip
TEST_WORDS = frozenset((
    "abc", "abcd", "asd", "asdf", "dummy", "fake", "foo", "foobar", "qwerty", "sample", "test", "tester", "testing",
    "testuser", "xxx", "xyz",
))  # fmt: skip
TEST_NAMES = frozenset((
    "donald duck", "foo bar", "jane doe", "john doe", "max mustermann", "mickey mouse", "test user",
))  # fmt: skip
STAGES = frozenset((
    "churned", "customer", "evangelist", "lead", "marketingqualifiedlead", "mql", "new", "nurturing", "opportunity",
    "other", "partner", "prospect", "qualified", "salesacceptedlead", "salesqualifiedlead", "sql", "subscriber",
    "unqualified", "working",
))  # fmt: skip
COUNTRY_NAMES = frozenset((
    "czech republic", "england", "great britain", "holland", "ivory coast", "scotland", "south korea",
    "the netherlands", "türkiye", "uae", "uk", "united states of america", "usa", "wales",
))  # fmt: skip
ACRONYMS = frozenset((
    "AG", "AI", "BV", "CEO", "CFO", "CIO", "CMO", "COO", "CPO", "CRO", "CTO", "EMEA", "EU", "EVP", "GMBH", "HR", "IT",
    "KG", "LLC", "LLP", "LTD", "NV", "PLC", "PR", "QA", "R&D", "SA", "SAP", "SE", "SVP", "UK", "US", "USA", "VP",
))  # fmt: skip
