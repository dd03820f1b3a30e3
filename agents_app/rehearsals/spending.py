"""What rehearsals cost, each for itself and all of a month together: money of the agency, which bounds both."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Case, DecimalField, F, Q, Sum, When
from django.db.models.functions import Greatest

from agents_app.accounts import first_of_month
from agents_app.models import Rehearsal

USD = DecimalField(max_digits=12, decimal_places=7)
_OF_ANSWER = F("answers__set_aside_usd") + F("answers__cost_usd") + F("answers__uncertain_usd")


def gone(rehearsal: Rehearsal) -> Decimal:
    """US dollars set aside, spent and perhaps spent."""
    one = Rehearsal.objects.filter(pk=rehearsal.pk)
    return Decimal(one.aggregate(usd=Sum(_OF_ANSWER, default=Decimal(0)))["usd"])


def left_of_month(at: datetime) -> Decimal:
    """US dollars that a new rehearsal may spend. One that is over counts in the month in which it ended, with what it
    spent and perhaps spent; one that is under way with its whole budget."""
    counted = Rehearsal.objects.filter(Q(status__in=Rehearsal.OPEN) | Q(finished_at__gte=first_of_month(at)))
    spent = Sum(_OF_ANSWER, default=Decimal(0), output_field=USD)
    whole = When(status__in=Rehearsal.OPEN, then=Greatest(F("budget_usd"), F("gone_usd")))
    each = counted.annotate(gone_usd=spent).annotate(counts_usd=Case(whole, default=F("gone_usd"), output_field=USD))
    taken = Decimal(each.aggregate(usd=Sum("counts_usd", default=Decimal(0)))["usd"])
    return max(settings.REHEARSAL_MONTH_USD - taken, Decimal(0))


def hold_month() -> None:
    """Two who ask at once do it one after the other, so that both count."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('the month of rehearsals'))")
