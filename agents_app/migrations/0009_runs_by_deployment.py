"""The runs of a deployment are found by an index, which is built beside the runs that go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("agents_app", "0008_deployments")]
    operations = [
        AddIndexConcurrently(
            model_name="flowrun",
            index=models.Index(
                condition=models.Q(("deployment__isnull", False)), fields=["deployment"], name="runs_by_deployment"
            ),
        ),
    ]
