"""What other programs may ask of clients, and bring to them."""

from ninja import Router

from clients.api import hooks, settings
from clients.api.hooks import flat_hubspot, flat_salesforce

router = Router()
router.add_router("", hooks.router)
router.add_router("", settings.router)

__all__ = ["flat_hubspot", "flat_salesforce", "router"]
