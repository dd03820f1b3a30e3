"""The stand-in for HubSpot's CRM API (https://api.hubapi.com), with a memory: one account for each token.

`answer` is what the wire asks; `people` is for tests and the demo, which change records as HubSpot's users would.
"""

from gtm.sandbox.hubspot.accounts import KEY, account, account_key
from gtm.sandbox.hubspot.routes import answer

__all__ = ["KEY", "account", "account_key", "answer"]
