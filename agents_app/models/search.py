from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models


class SearchText(models.Model):
    """What search looks through: the words of a run that has ended, apart from the rows that engines write.

    They are written once the run is over (`agents_app/finding.py`), so that no step pays for an index. `words` is what
    PostgreSQL makes of the text, every word as it stands, in any language.
    """

    class Kind(models.TextChoices):
        ABOUT = "about", "What it is about"
        ANSWER = "answer", "Answer of a step"
        FACTS = "facts", "Facts"
        ERROR = "error", "What went wrong"
        MAIL = "mail", "E-mail"

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="texts")
    step = models.ForeignKey(
        "agents_app.StepRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=6, choices=Kind)
    text = models.TextField()
    words = models.GeneratedField(
        expression=SearchVector("text", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        verbose_name = "text for search"
        verbose_name_plural = "texts for search"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "kind", "step"], nulls_distinct=False, name="one_text_a_step_and_kind"
            )
        ]
        indexes = [GinIndex(fields=["words"], name="words_of_runs")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of run {self.run_id}"
