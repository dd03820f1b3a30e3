"""Credentials that stand-ins of data vendors refuse, so that a refusal can be seen; they welcome every other one."""

INVALID = "invalid"
LIMITED = "rate-limited"  # the limit of the minute is used up
COMPANIES_ONLY = "companies-only"  # its plan or scope holds no people
