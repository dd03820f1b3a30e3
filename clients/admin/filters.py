"""Filters of lists in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from clients import access
from clients.models import Connection


class PartyFilter(admin.SimpleListFilter):
    """The parties that the user's clients are connected to."""

    title = "party"
    parameter_name = "party"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        mine = access.scope(Connection.objects.order_by(), access.user_of(request))
        used = set(mine.values_list("party", flat=True).distinct())
        return [(key, str(label)) for key, label in Connection.Party.choices if key in used]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        path = "party" if queryset.model is Connection else "connection__party"
        return queryset.filter(**{path: self.value()})
