"""What our templates need beyond Django's own tags."""

import json
from typing import Any

from django import template
from django.template.context import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

STATE_TONES = {
    "ok": ("active", "applied", "approved", "done", "finished", "helped", "live", "measured", "ok", "sent", "solved", "succeeded", "winner"),
    "warn": ("candidate", "needs_input", "no_match", "paused", "quarantined", "refused", "waiting", "warn"),
    "bad": ("bad", "fail", "failed", "harmed", "invalid", "lost", "rejected"),
    "info": ("accepted", "open", "planned", "received", "running"),
}  # fmt: skip
_TONE_OF = {state: tone for tone, states in STATE_TONES.items() for state in states}


@register.simple_tag(takes_context=True)
def again(context: Context, name: str) -> SafeString:
    """The text of block `name` once more: the page's title is both its <title> and its <h1>."""
    block = context.render_context[BLOCK_CONTEXT_KEY].get_block(name)
    return block.render(context).strip()


@register.filter
def pretty(value: Any) -> SafeString:
    """JSON made readable, as a block that scrolls by itself."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="json" tabindex="0">{}</pre>', text)


@register.filter
def percent(fraction: float | None, digits: int = 1) -> str:
    """0.0712 -> "7.1%"; None -> a dash, because no rate is not a rate of nought."""
    return "–" if fraction is None else f"{fraction * 100:.{digits}f}%"


@register.simple_tag
def pill(label: object, state: str = "") -> SafeString:
    """A state as words in a tinted pill; `state` (a status, or one of ok, warn, bad, info) chooses the tint."""
    tone = state if state in STATE_TONES else _TONE_OF.get(state, "quiet")
    return format_html('<span class="pill {}">{}</span>', tone, label)


@register.filter
def stamp(svg: str) -> SafeString:
    """An SVG of our own making, as markup."""
    return mark_safe(svg)  # noqa: S308 - made by our own chart code and stored with the row it pictures
