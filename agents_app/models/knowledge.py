from django.conf import settings
from django.db import models

from gtm.records import Record


class SourceRecord(Record):
    """What one source answered about a company, raw; or why it did not."""

    recorded = (
        "run_id",
        "source",
        "company_domain",
        "question",
        "request_key",
        "status",
        "reason",
        "http_status",
        "payload",
        "payload_sha256",
        "fetched_at",
        "calls",
        "credits",
        "asked_with",
        "same_as_id",
        "step_id",
    )

    class Status(models.TextChoices):
        OK = "ok", "Answered"
        NO_MATCH = "no_match", "Knows nothing"
        FAILED = "failed", "Failed"

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="source_records")
    source = models.CharField(max_length=30)
    company_domain = models.CharField(max_length=253)
    request_key = models.CharField(max_length=300, help_text="What was asked: method and address, without credentials.")
    question = models.CharField(
        max_length=300, blank=True, help_text="Source and what decides its answer: the same for the same question."
    )
    status = models.CharField(max_length=10, choices=Status)
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why there is nothing, or what is missing, in words."
    )
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    payload = models.JSONField(null=True, blank=True)
    payload_sha256 = models.CharField(max_length=64, blank=True)
    elapsed_ms = models.PositiveIntegerField(default=0)
    is_sandbox = models.BooleanField(default=True)
    fetched_at = models.DateTimeField()
    calls = models.PositiveSmallIntegerField(default=0, help_text="Requests that went out for it.")
    credits = models.FloatField(default=0.0, help_text="What the answer cost, as the source counts.")
    asked_with = models.CharField(
        max_length=40,
        blank=True,
        help_text="Whose key was used: whoever would ask with it may use the answer again.",
    )
    same_as = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="used_again",
        help_text="The record whose answer was used again, instead of asking.",
    )
    step = models.ForeignKey(
        "agents_app.StepRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="source_records",
        db_constraint=False,
        db_index=False,
        help_text="Which asked; unknown of records older than this column.",
    )

    class Meta:
        indexes = [
            models.Index(fields=["company_domain", "source", "-fetched_at"]),
            models.Index(fields=["question", "-fetched_at"], name="answers_to_a_question"),
            models.Index(fields=["asked_with", "fetched_at"], name="answers_paid", condition=models.Q(credits__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.source} on {self.company_domain}"

    @property
    def original(self) -> "SourceRecord":
        """The record that holds the payload: this one, or the one whose answer was used again."""
        return self.same_as or self


class Claim(Record):
    """One value at one place (`pointer`, see `research/pointers.py`) of one source's payload."""

    recorded = ("source_record_id", "attribute", "value", "unit", "pointer", "as_of_date", "extractor")

    source_record = models.ForeignKey("agents_app.SourceRecord", on_delete=models.PROTECT, related_name="claims")
    attribute = models.CharField(max_length=40)
    value = models.CharField(max_length=300)
    unit = models.CharField(max_length=20, blank=True)
    pointer = models.CharField(max_length=200)
    as_of_date = models.DateField(null=True, blank=True)
    extractor = models.CharField(max_length=40, blank=True, help_text="Which version of which reader found it.")

    def __str__(self) -> str:
        return f"{self.attribute} = {self.value}"


class Fact(Record):
    """What a run holds to be true of a company, with the claims it rests on and the terms of its confidence.

    Of an attribute that a later step of the run looked at again, the newest row counts (`flow/knowledge.py`).
    """

    recorded = ("run_id", "step_id", "key", "attribute", "value", "confidence", "confidence_terms")

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="facts")
    step = models.ForeignKey(
        "agents_app.StepRun", on_delete=models.PROTECT, null=True, blank=True, related_name="facts"
    )
    key = models.CharField(max_length=20, help_text="How texts cite it: f1, f2, …")
    attribute = models.CharField(max_length=40)
    value = models.CharField(max_length=300)
    confidence = models.FloatField()
    confidence_terms = models.JSONField(default=list)
    claims = models.ManyToManyField("agents_app.Claim", related_name="facts")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_fact_a_key")]

    def __str__(self) -> str:
        return f"{self.attribute}: {self.value}"


class Correction(Record):
    """What a person decided is true of a company: it stands in the client's research until it is too old for its
    attribute, or taken back."""

    recorded = ("client_id", "company_domain", "attribute", "value", "note", "author_id", "at", "run_id")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    company_domain = models.CharField(max_length=253)
    attribute = models.CharField(max_length=40)
    value = models.CharField(max_length=300)
    note = models.CharField(max_length=300, blank=True, help_text="Why, or where it can be seen.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    run = models.ForeignKey(
        "agents_app.FlowRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose evidence the person looked at; empty where a gate asked.",
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "company_domain", "attribute"],
                condition=models.Q(withdrawn_at=None),
                name="one_correction_of_an_attribute_stands",
            )
        ]

    def __str__(self) -> str:
        return f"{self.attribute} of {self.company_domain}: {self.value}"


class Persona(Record):
    """Whom to write to at a company, as the persona agent sees it. `rests_on` lists fact keys and config paths."""

    recorded = ("run_id", "contact_id", "role", "pains", "angle", "rests_on")

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="personas")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=160)
    pains = models.JSONField(default=list)
    angle = models.TextField()
    rests_on = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.role


class Brief(Record):
    """What a deep-research run ends with. `sentences` is [{"text", "rests_on": [fact keys]}]."""

    recorded = ("run_id", "sentences")

    run = models.OneToOneField("agents_app.FlowRun", on_delete=models.PROTECT, related_name="brief")
    sentences = models.JSONField()

    def __str__(self) -> str:
        return f"Brief of run {self.run_id}"
