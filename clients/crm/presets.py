"""The mapping that a connection of each CRM begins with: where each of our fields stands, in every body of that CRM.

Of several places the first that gives a text counts. Where a field goes back, its first place is the one written to.
Names are those of the CRM's own fields; what agencies add themselves is named as most of them name it.
"""

from collections.abc import Sequence

from clients.mapping import Direction, Row

SHOWN = '"{name}@OData.Community.Display.V1.FormattedValue"'
ONE_YES_IS_ENOUGH = ("picklist:false=false; false false=false; *=true",)


def _row(field: str, path: str, *transforms: str, direction: Direction = "in") -> Row:
    return Row(field, path, transforms, direction=direction)


def _hubspot(*names: str) -> str:
    """Below properties in answers, notifications and new workflows, with a value of its own in old ones, or flat."""
    return " | ".join(f"properties.{name} | properties.{name}.value | {name}" for name in names)


def _anywhere(names: Sequence[str], within: Sequence[str] = ("", "data", "contact", "data.contact")) -> str:
    return " | ".join(f"{each}.{name}" if each else name for each in within for name in names)


HUBSPOT = (
    _row("email", _hubspot("email"), "email"),
    _row("first_name", _hubspot("firstname"), "trim", direction="both"),
    _row("last_name", _hubspot("lastname"), "trim", direction="both"),
    _row("title", _hubspot("jobtitle"), "trim", direction="both"),
    _row("company_name", _hubspot("company"), "trim"),
    _row("company_domain", _hubspot("website"), "domain"),
    _row("phone", _hubspot("phone", "mobilephone"), "phone", direction="both"),
    _row("linkedin_url", _hubspot("hs_linkedin_url", "linkedin_url", "linkedin"), "trim"),
    _row("country", _hubspot("country"), "trim"),
    _row("lifecycle_stage", _hubspot("lifecyclestage"), "trim"),
    _row("owner", _hubspot("hubspot_owner_id"), "trim"),
    _row("other_emails", _hubspot("hs_additional_emails"), "list_joined"),
    _row("do_not_contact", _hubspot("hs_email_optout"), "bool"),
)
SALESFORCE = (
    _row("email", "Email", "email"),
    _row("first_name", "FirstName | Name.FirstName", "trim", direction="both"),
    _row("last_name", "LastName | Name.LastName", "trim", direction="both"),
    _row("full_name", "Name", "trim"),
    _row("title", "Title", "trim", direction="both"),
    _row("company_name", 'Account.Name | Account | Company | Account_Name__c | "Account.Name"', "trim"),
    _row("company_domain", "Account.Website | Website | Website__c", "domain"),
    _row("phone", "Phone | MobilePhone", "phone", direction="both"),
    _row("linkedin_url", "LinkedIn__c | LinkedIn_URL__c | LinkedIn_Profile__c", "trim"),
    _row("country", "MailingCountry | MailingAddress.Country | Country | Address.Country", "trim"),
    _row("lifecycle_stage", "Lifecycle_Stage__c | Status", "trim"),
    _row("owner", "Owner.Name | OwnerId", "trim"),
    _row("tags", "Tags__c", "list_joined"),
    _row("other_emails", "Secondary_Email__c | Other_Email__c", "list_joined"),
    _row("do_not_contact", "HasOptedOutOfEmail", "bool"),
)
PIPEDRIVE = (
    _row("email", "emails | email | primary_email", "list_primary:value", "email"),
    _row("first_name", "first_name", "trim"),
    _row("last_name", "last_name", "trim"),
    _row("full_name", "name", "trim"),
    _row("title", "job_title", "trim"),
    _row("company_name", "org_name | org_id.name | organization.name", "trim"),
    _row("phone", "phones | phone", "list_primary:value", "phone"),
    _row("linkedin_url", "linkedin | linkedin_url", "trim"),
    _row("country", "postal_address.country | postal_address_country", "trim"),
    _row("owner", "owner_name | owner_id.name | owner_id", "trim"),
    _row("other_emails", "emails[?primary=false].value | email[?primary=false].value", "email"),
    _row("do_not_contact", "marketing_status", "picklist:unsubscribed=true; *=false"),
)
CLOSE = (
    _row("email", "emails", "list_primary:email", "email"),
    _row("first_name", "name | display_name", "first_name"),
    _row("last_name", "name | display_name", "last_name"),
    _row("full_name", "name | display_name", "trim"),
    _row("title", "title", "trim"),
    _row("company_name", "lead.name | lead.display_name | organization_name", "trim"),
    _row("company_domain", "lead.url", "domain"),
    _row("phone", "phones", "list_primary:phone", "phone"),
    _row("linkedin_url", "urls[?type=linkedin].url | urls[?type=LinkedIn].url", "trim"),
    _row("country", "lead.addresses[0].country", "trim"),
    _row("lifecycle_stage", "lead.status_label", "trim"),
    _row("other_emails", "emails[1].email", "email"),
    _row("do_not_contact", "emails[0].is_unsubscribed", "bool"),
)
ATTIO = (
    _row("email", "values.email_addresses[0].email_address | values.email_addresses[0]", "email"),
    _row("first_name", "values.name[0].first_name", "trim"),
    _row("last_name", "values.name[0].last_name", "trim"),
    _row("full_name", "values.name[0].full_name", "trim"),
    _row("title", "values.job_title[0].value", "trim"),
    _row("company_name", "values.company_name[0].value | values.company[0].name", "trim"),
    _row("phone", "values.phone_numbers[0].phone_number | values.phone_numbers[0].original_phone_number", "phone"),
    _row("linkedin_url", "values.linkedin[0].value", "trim"),
    _row("country", "values.primary_location[0].country_code", "trim"),
    _row("lifecycle_stage", "values.stage[0].status.title | values.lifecycle_stage[0].option.title", "trim"),
    _row("owner", "values.owner[0].referenced_actor_id", "trim"),
    _row("tags", "values.tags[0].option.title", "trim"),
    _row("other_emails", "values.email_addresses[1].email_address", "email"),
    _row("do_not_contact", "values.unsubscribed[0].value | values.do_not_contact[0].value", "bool"),
)
ZOHO = (
    _row("email", "Email", "email"),
    _row("first_name", "First_Name", "trim"),
    _row("last_name", "Last_Name", "trim"),
    _row("full_name", "Full_Name", "trim"),
    _row("title", "Title | Designation", "trim"),
    _row("company_name", "Account_Name.name | Account_Name | Company", "trim"),
    _row("company_domain", "Website", "domain"),
    _row("phone", "Phone | Mobile", "phone"),
    _row("linkedin_url", "LinkedIn | LinkedIn_URL | LinkedIn_Profile", "trim"),
    _row("country", "Mailing_Country | Country", "trim"),
    _row("lifecycle_stage", "Lifecycle_Stage | Lead_Status", "trim"),
    _row("owner", "Owner.name | Owner.email | Owner", "trim"),
    _row("tags", "Tag", "list_joined:name"),
    _row("other_emails", "Secondary_Email", "email"),
    _row("do_not_contact", "Email_Opt_Out", "bool"),
)
DYNAMICS = (
    _row("email", "emailaddress1", "email"),
    _row("first_name", "firstname", "trim"),
    _row("last_name", "lastname", "trim"),
    _row("full_name", "fullname", "trim"),
    _row("title", "jobtitle", "trim"),
    _row(
        "company_name",
        f"parentcustomerid.Name | {SHOWN.format(name='_parentcustomerid_value')} | companyname | company",
        "trim",
    ),
    _row("company_domain", "websiteurl", "domain"),
    _row("phone", "telephone1 | mobilephone", "phone"),
    _row("linkedin_url", "linkedin | new_linkedin", "trim"),
    _row("country", "address1_country", "trim"),
    _row("lifecycle_stage", f"{SHOWN.format(name='statuscode')} | statuscode.Value", "trim"),
    _row("owner", f"ownerid.Name | {SHOWN.format(name='_ownerid_value')} | _ownerid_value", "trim"),
    _row("other_emails", "emailaddress2 | emailaddress3", "email"),
    _row("do_not_contact", "donotemail + donotbulkemail", *ONE_YES_IS_ENOUGH),
)
GENERIC = (
    _row("email", _anywhere(("email", "Email", "email_address", "emailAddress")), "email"),
    _row("first_name", _anywhere(("first_name", "firstName", "firstname", "FirstName")), "trim"),
    _row("last_name", _anywhere(("last_name", "lastName", "lastname", "LastName")), "trim"),
    _row("full_name", _anywhere(("full_name", "fullName", "name", "Name")), "trim"),
    _row("title", _anywhere(("title", "job_title", "jobTitle", "jobtitle", "Title")), "trim"),
    _row("company_name", _anywhere(("company_name", "companyName", "company.name", "company", "Company")), "trim"),
    _row("company_domain", _anywhere(("company_domain", "company.domain", "domain", "website", "Website")), "domain"),
    _row("phone", _anywhere(("phone", "phone_number", "phoneNumber", "Phone")), "phone"),
    _row("linkedin_url", _anywhere(("linkedin_url", "linkedinUrl", "linkedin", "LinkedIn")), "trim"),
    _row("country", _anywhere(("country", "Country", "address.country")), "trim"),
    _row("timezone", _anywhere(("timezone", "time_zone", "timeZone")), "trim"),
    _row("lifecycle_stage", _anywhere(("lifecycle_stage", "lifecycleStage", "stage", "status")), "trim"),
    _row("owner", _anywhere(("owner.name", "owner", "owner_name")), "trim"),
    _row("tags", _anywhere(("tags", "labels", "Tags")), "list_joined"),
    _row("other_emails", _anywhere(("other_emails", "additional_emails", "secondary_email")), "list_joined"),
    _row("do_not_contact", _anywhere(("do_not_contact", "doNotContact", "unsubscribed", "opt_out")), "bool"),
)

PRESETS: dict[str, tuple[Row, ...]] = {
    "hubspot": HUBSPOT,
    "salesforce": SALESFORCE,
    "pipedrive": PIPEDRIVE,
    "close": CLOSE,
    "attio": ATTIO,
    "zoho": ZOHO,
    "dynamics": DYNAMICS,
    "generic": GENERIC,
}
