"""How a party is made to call a connection, step by step, in the words of the party's own settings. No Django.

ADDRESS stands where the person pastes the connection's address.
"""

ADDRESS = "the address above"
SIGNS = "Then choose on this page how the calls are signed, so that nobody else can call in its name."

STEPS: dict[str, tuple[str, ...]] = {
    "hubspot": (
        "In HubSpot open Automation, Workflows, and make a contact-based workflow that starts when a contact "
        "is created or changed.",
        f"Add the action “Send a webhook”, method POST, and paste {ADDRESS}. Choose to send all contact "
        f"properties, or at least "
        "email, firstname, lastname, company, jobtitle, website and lastmodifieddate.",
        "Let it enrol existing contacts too, if they should come in as well, and allow it to start again for "
        "the same contact.",
        f"Of an app of your own: Webhooks, target URL {ADDRESS}, and subscribe to contact creation, property "
        f"change, merge, "
        "deletion and privacy deletion.",
        f"The client secret stands under Auth of the app. {SIGNS}",
    ),
    "salesforce": (
        "In Setup open Remote Site Settings and allow the host of the address above.",
        "Give it to the flow or trigger that runs when a contact or lead is saved: a record-triggered flow "
        "with an HTTP callout, "
        "or the Apex class below, which signs its calls and tries again.",
        "Or make an outbound message for the object (Setup, Outbound Messages), with its Id, Email, "
        "FirstName, LastName and Title, "
        f"and paste {ADDRESS} as its endpoint. It cannot sign, and cannot send the account's name unless a "
        f"formula field copies it.",
    ),
    "pipedrive": (
        f"In Pipedrive open Tools and apps, Webhooks, Create new webhook (version 2), and paste {ADDRESS}.",
        "Event action *, event object person. A user name and password may stay empty: the key in the "
        "address is the proof.",
    ),
    "close": (
        f"In Close open Settings, Developer, Webhooks, and paste {ADDRESS}. Choose created, updated, deleted "
        f"and merged of contact.",
        f"Close shows a signature key once. {SIGNS}",
    ),
    "attio": (
        f"In Attio open Workspace settings, Developers, your integration, Webhooks, and paste {ADDRESS}.",
        f"Subscribe to record.created, record.updated, record.merged and record.deleted of people. {SIGNS}",
    ),
    "zoho": (
        f"In Zoho CRM open Setup, Automation, Workflow rules, module Contacts, instant action Webhook: POST, "
        f"JSON, {ADDRESS}.",
        "Send id, Email, First_Name, Last_Name, Account_Name, Title and Modified_Time.",
    ),
    "dynamics": (
        f"In the Plug-in Registration Tool register a new web hook with {ADDRESS}, and a step on Create, "
        f"Update and Delete of contact.",
        "With a post image of all columns, so that more than the changed ones arrive.",
    ),
    "outcomes": (
        f"Any service or script may POST JSON to {ADDRESS}: event_id, kind (opened, replied, meeting_booked, "
        f"…), email or message_id.",
    ),
    "sendgrid": (
        f"In SendGrid open Settings, Mail Settings, Event Webhook, and paste {ADDRESS}. Choose all events.",
        f"Switch on Signed Event Webhook and copy the verification key. {SIGNS}",
    ),
    "postmark": (
        f"In Postmark open the message stream, Webhooks, Add webhook, and paste {ADDRESS}.",
        "Choose delivery, bounce, spam complaint, open, link click and subscription change.",
    ),
    "mailgun": (f"In Mailgun open Sending, Webhooks, and add {ADDRESS} for each kind of event.",),
    "ses": (
        f"In Amazon SNS make a topic and a subscription of protocol HTTPS with {ADDRESS}; in SES, publish the "
        f"events to the topic.",
        "The confirmation that Amazon sends stands in the webhook inbox: open the address in it once.",
    ),
    "smartlead": (f"In Smartlead open Settings, Webhooks, Add webhook, and paste {ADDRESS}. Choose all events.",),
    "instantly": (
        f"In Instantly open Settings, Integrations, Webhooks, Add webhook, and paste {ADDRESS}. Choose all events.",
    ),
    "calendly": (
        f"Make a webhook subscription through Calendly's API for invitee.created and invitee.canceled, with "
        f"{ADDRESS} as its url.",
        f"Give it a signing_key. {SIGNS}",
    ),
    "calcom": (
        f"In Cal.com open Settings, Developer, Webhooks, New, and paste {ADDRESS} as subscriber URL.",
        f"Enter a secret there. {SIGNS}",
    ),
}
ANY = (f"Let the party send its events, as JSON, by POST to {ADDRESS}.", SIGNS)


def of(party: str) -> tuple[str, ...]:
    return STEPS.get(party, ANY)
