"""Every column that could hold personal data is declared: a new model cannot be forgotten by erasure."""

from django.apps import apps
from django.db import models

from clients.models import Contact
from gtm import personal


def test_every_text_json_and_binary_column_is_declared():
    assert personal.undeclared() == [], "say in the app's personal.py what they hold of a person"


def test_a_declaration_names_only_what_is_there():
    wrong = [
        f"{one.model}: {name}"
        for model, one in personal.declared().items()
        for name in (*one.columns, *one.free, *one.elsewhere)
        if name not in {column.name for column in model._meta.concrete_fields} and "Historical" not in one.model
    ]
    assert wrong == []


def test_no_column_is_declared_both_ways():
    twice = {one.model: set(one.columns) & {*one.free, *one.elsewhere} for one in personal.declared().values()}
    assert not any(twice.values())


def test_the_ways_to_a_person_can_be_asked():
    for model, one in personal.declared().items():
        rows = model._base_manager.all()
        for lookup in (*one.contact, *one.record, *one.among, *([one.mine] if one.mine else [])):
            rows.filter(**{f"{lookup}__in": [1]})
        for lookup in filter(None, (one.company, one.client, *one.shown_to)):
            rows.filter(**{lookup: 1})


def test_what_may_change_is_reached_somehow():
    idle = [
        one.model
        for one in personal.declared().values()
        if one.columns
        and not (one.contact or one.record or one.through or one.scan or one.among)
        and set(one.columns) != {"history_change_reason"}
    ]
    assert idle == []


def test_histories_follow_their_models():
    history = personal.declared()[Contact.history.model]
    assert {"email", "email_normalised", "full_name", "phone", "custom"} <= {*history.columns}
    assert history.contact == ("id",)
    assert history.search == ("history_change_reason",)


def test_a_model_that_nobody_declared_is_found(monkeypatch):
    known = {model: one for model, one in personal.declared().items() if one.model != "clients.Event"}
    monkeypatch.setattr(personal, "declared", lambda: known)
    assert personal.undeclared() == ["clients.Event.event_key", "clients.Event.kind", "clients.Event.origin",
                                     "clients.Event.payload", "clients.Event.source"]  # fmt: skip


def test_relations_are_no_text():
    assert not any(
        isinstance(model._meta.get_field(name), models.ForeignKey)
        for model in apps.get_models()
        for name in personal.writable(model)
    )
