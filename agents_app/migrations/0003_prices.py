"""The models' list prices, in US dollars per million tokens; new ones are added in the admin, with the day they begin."""

from datetime import date

from django.db import migrations

# model, valid from, prompt band (input tokens), input, output, cache read, cache write for 5 minutes, for 1 hour
# one hour costs twice the input price wherever the service says nothing else
PRICES = [
    ("claude-fable-5-1", date(2026, 1, 1), None, "10", "50", "0.25", "12.50", "20"),
    ("claude-opus-5-5", date(2026, 1, 1), None, "4", "20", "0.20", "5", "8"),
    ("claude-sonnet-5-5", date(2026, 1, 1), None, "2", "10", "0.20", "2.50", "4"),
    ("claude-sonnet-5-5", date(2026, 10, 7), None, "2", "10", "0.10", "2.50", "4"),
    ("claude-haiku-5-5", date(2026, 1, 1), 100_000, "0.10", "0.50", "0.01", "0.125", "0.20"),
    ("claude-haiku-5-5", date(2026, 1, 1), None, "0.50", "2.50", "0.05", "0.625", "1"),
    ("claude-haiku-4-5", date(2025, 10, 1), None, "1", "5", "0.10", "1.25", "2"),
    ("offline-composer/1", date(2025, 1, 1), None, "0", "0", "0", "0", "0"),
]


def add(apps, schema_editor):
    price = apps.get_model("agents_app", "ModelPrice")
    for model, valid_from, band, *amounts in PRICES:
        fields = dict(zip(("input", "output", "cache_read", "cache_write", "cache_write_1h"), amounts))
        price.objects.get_or_create(model=model, valid_from=valid_from, prompt_band_max=band, defaults=fields)


def remove(apps, schema_editor):
    price = apps.get_model("agents_app", "ModelPrice")
    for model, valid_from, band, *_ in PRICES:
        price.objects.filter(model=model, valid_from=valid_from, prompt_band_max=band).delete()


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0002_guards")]
    operations = [migrations.RunPython(add, remove)]
