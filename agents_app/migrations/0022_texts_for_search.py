"""What search looks through: a table of its own, empty at first, so that its index locks nobody out."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0021_runs_again'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('about', 'What it is about'), ('answer', 'Answer of a step'), ('facts', 'Facts'), ('error', 'What went wrong'), ('mail', 'E-mail')], max_length=6)),
                ('text', models.TextField()),
                ('words', models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('text', config='simple'), output_field=django.contrib.postgres.search.SearchVectorField())),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='texts', to='agents_app.flowrun')),
                ('step', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.steprun')),
            ],
            options={
                'verbose_name': 'text for search',
                'verbose_name_plural': 'texts for search',
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='words_of_runs')],
                'constraints': [models.UniqueConstraint(fields=('run', 'kind', 'step'), name='one_text_a_step_and_kind', nulls_distinct=False)],
            },
        ),
    ]
