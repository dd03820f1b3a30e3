"""The rows that fit most accounts of each CRM, until an account manager maps otherwise."""

from clients.mapping import Row
from clients.models import Connection


def _anywhere(name: str) -> str:
    """As HubSpot's workflows send a property: below `properties` with its history or without, or flat."""
    return f"properties.{name}.value | properties.{name} | {name}"


PRESETS: dict[str, tuple[Row, ...]] = {
    Connection.Party.HUBSPOT: (
        Row("email", _anywhere("email"), ("email",)),
        Row("first_name", _anywhere("firstname")),
        Row("last_name", _anywhere("lastname")),
        Row("title", _anywhere("jobtitle")),
        Row("company_name", _anywhere("company")),
        Row("company_domain", _anywhere("website"), ("domain",)),
    ),
    Connection.Party.SALESFORCE: (
        Row("email", "Email", ("email",)),
        Row("first_name", "FirstName"),
        Row("last_name", "LastName"),
        Row("full_name", "Name"),
        Row("title", "Title"),
        Row("company_name", "Account.Name | Account | Company"),
        Row("company_domain", "Account.Website | Website", ("domain",)),
    ),
}
