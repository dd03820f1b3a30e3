"""What was asked of a company before, without a look at all that its client ever asked."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False  # requests are taken in meanwhile
    dependencies = [("agents_app", "0004_lent_by_the_day")]
    operations = [
        AddIndexConcurrently(
            "request",
            models.Index(fields=["client", "company_domain"], condition=~Q(company_domain=""), name="asked_of_a_company"),
        )
    ]
