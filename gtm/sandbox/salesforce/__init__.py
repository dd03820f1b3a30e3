"""The stand-in for Salesforce's REST API at any My Domain (https://NAME.my.salesforce.com), with a memory: one
organisation for each domain.

`answer` is what the wire asks; `people` is for tests and the demo, which change records as Salesforce's users would.
"""

from gtm.sandbox.salesforce.organisations import KEY, account, account_key
from gtm.sandbox.salesforce.routes import answer

__all__ = ["KEY", "account", "account_key", "answer"]
