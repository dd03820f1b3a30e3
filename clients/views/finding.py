"""The client that a page is about."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from clients import access
from clients.models import Client


def client_of(request: HttpRequest, slug: str) -> Client:
    """404 also for a client of somebody else: its existence is nobody's business."""
    return get_object_or_404(access.visible_clients(request.user).select_related("industry"), slug=slug)
