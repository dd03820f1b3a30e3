"""From a row to the lists of what belongs to it."""

from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


def to_lists(number: int, lookup: str, targets: tuple[tuple[str, str], ...]) -> SafeString:
    addresses = ((f"{reverse(f'admin:{name}_changelist')}?{lookup}={number}", label) for label, name in targets)
    return format_html_join(" · ", '<a href="{}">{}</a>', addresses)
