"""What our templates need beyond Django's own tags."""

from django import template
from django.template.context import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString, mark_safe

from gtm import admin_site

register = template.Library()
register.filter("pretty", admin_site.pretty)
register.simple_tag(admin_site.pill, name="pill")


@register.simple_tag(takes_context=True)
def again(context: Context, name: str) -> SafeString:
    """The text of block `name` once more: the page's title is both its <title> and its <h1>."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    text: str = block.render(context).strip()
    return mark_safe(text)  # noqa: S308 - a template's own output, escaped already


@register.filter
def percent(fraction: float | None, digits: int = 1) -> str:
    """0.0712 -> "7.1%"; None -> a dash, because no rate is not a rate of nought."""
    return "\N{EN DASH}" if fraction is None else f"{fraction * 100:.{digits}f}%"


@register.filter
def points(change: float, unit: str = " points") -> str:
    """A change of a share: 0.012 -> "+1.2 points"."""
    rounded = round(change * 100, 1) or 0.0  # no minus before nought
    return f"{rounded:{'+' if rounded else ''}.1f}{unit}"


@register.filter
def dearer(usd: float) -> str:
    """A change of a price: -0.001 -> "$0.0010 less than now"."""
    told = f"${abs(usd):.4f}"
    if told == "$0.0000":
        return "as much as now"
    return f"{told} {'more' if usd > 0 else 'less'} than now"


@register.filter
def svg(markup: str) -> SafeString:
    """A chart that our own code drew and stored with its row, as markup."""
    return mark_safe(markup)  # noqa: S308 - nothing a person typed reaches a chart unescaped
