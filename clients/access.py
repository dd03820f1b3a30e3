"""Who may see which client: the one rule that admin, pages and API all use."""

from collections import deque
from functools import cache
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from clients.models import Client

SEES_ALL = "clients.see_all_clients"

AnyUser = User | AnonymousUser
Row = TypeVar("Row", bound=Model)


def sees_all(user: AnyUser) -> bool:
    return bool(user.is_active and user.has_perm(SEES_ALL))


def visible_clients(user: AnyUser) -> QuerySet[Client]:
    """Every client for those who may see all, else the clients whose account manager the user is."""
    if sees_all(user):
        return Client.objects.all()
    if not user.is_active or user.pk is None:
        return Client.objects.none()
    return Client.objects.filter(managers=user.pk)


def scope(queryset: QuerySet[Row], user: AnyUser, path: str = "client") -> QuerySet[Row]:
    """The rows whose client the user may see. `path` leads from a row to its client; "" where the row is a client.

    Rows without a client are for those who see all. `path` goes through foreign keys only, so no row comes twice.
    """
    if sees_all(user):
        return queryset
    return queryset.filter(**{f"{path or 'pk'}__in": visible_clients(user).values("pk")})


def person(user: AnyUser) -> User:
    """Who acts, for what is written down with a name. Raises PermissionDenied where nobody has signed in."""
    if not isinstance(user, User):
        raise PermissionDenied("Sign in first.")
    return user


def called(user: User | None, *, otherwise: str = "The system") -> str:
    """The person's name, as sentences about what was done say it; `otherwise` where it was nobody who can be named."""
    return user.get_full_name() or user.get_username() if user else otherwise


def user_of(request: HttpRequest) -> User:
    """Who uses a page that lets nobody in who has not signed in. Raises PermissionDenied all the same."""
    return person(request.user)


def may_see(user: AnyUser, client: Client | None) -> bool:
    return sees_all(user) or (client is not None and visible_clients(user).filter(pk=client.pk).exists())


@cache
def path_to_client(model: type[Model]) -> str | None:
    """The shortest way from `model` to Client through required foreign keys, None where its rows are nobody's own."""
    waiting: deque[tuple[type[Model], tuple[str, ...]]] = deque([(model, ())])
    seen: set[type[Model]] = set()
    while waiting:
        here, path = waiting.popleft()
        if here is Client:
            return "__".join(path)
        if here not in seen:
            seen.add(here)
            waiting.extend((target, (*path, name)) for name, target in _required_keys(here))
    return None


def _required_keys(model: type[Model]) -> list[tuple[str, type[Model]]]:
    keys = [field for field in model._meta.get_fields() if isinstance(field, ForeignKey) and not field.null]
    return [(field.name, _target(field)) for field in keys]


def _target(field: ForeignKey[Any, Any]) -> type[Model]:
    return field.remote_field.model
