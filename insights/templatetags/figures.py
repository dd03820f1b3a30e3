"""Figures of a stored review, each a link to the rows it counts."""

from datetime import date
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from insights import metrics
from insights.evidence import Question
from insights.payload import percent
from insights.weeks import Span

register = template.Library()


@register.simple_tag(takes_context=True)
def figure(
    context: dict[str, Any], rate: dict[str, Any], metric: str, first: str, last: str, client: int | None = None
) -> SafeString:
    """12 of 310 as a link, then the share; nothing counted is said in words."""
    if not rate["denominator"]:
        return format_html('<span class="quiet">{}</span>', "none")
    url = rows_url(context, metric, first, last, client)
    return format_html(
        '<a href="{}">{} of {}</a> ({})',
        url,
        f"{rate['numerator']:,}",
        f"{rate['denominator']:,}",
        percent(rate["rate"]),
    )


@register.simple_tag(takes_context=True)
def rows_url(
    context: dict[str, Any], metric: str, first: str, last: str, client: int | None = None, error: str = ""
) -> str:
    """The page that lists what the figure counts, as it was known when the report in the context was built."""
    span = Span(date.fromisoformat(first), date.fromisoformat(last), timezone.get_default_timezone())
    return as_reported(context, Question(metric, span, client, error).url)


@register.simple_tag(takes_context=True)
def as_reported(context: dict[str, Any], url: str) -> str:
    """A stored evidence link, bound to the report it stands in; other pages' links stay as they are."""
    report = context.get("report")
    return f"{url}&report={report.pk}" if report and url.startswith(f"{reverse('review_rows')}?") else url


@register.filter
def day(iso: str) -> date:
    """A stored day as a date."""
    return date.fromisoformat(iso)


@register.filter
def metric_label(key: str) -> str:
    return metrics.label(key) if key else "no figure named"


@register.filter
def points(fraction: float) -> str:
    """0.025 → "2.5"."""
    return f"{fraction * 100:.1f}"
