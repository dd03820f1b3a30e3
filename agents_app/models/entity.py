"""What runs found out, as a graph of each client's own: entities, how they are known, what is held of them and between
them, and which of them are one.

A moment in the world (`valid_at`, `invalid_at`; null: not known) stands beside the moment when we came to know
(`created_at`, `expired_at`). A newer word closes the older one; nothing is written over, and nothing is deleted.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from gtm.records import Record


class Scheme(models.TextChoices):
    """Strong ids: no two companies have the same. All but the domain are attributes of research."""

    DOMAIN = "domain", "Domain"
    CIK = "cik", "SEC's number (CIK)"
    LEI = "lei", "Legal entity identifier"
    WIKIDATA_ID = "wikidata_id", "Wikidata's item"
    CRUNCHBASE_ID = "crunchbase_id", "Crunchbase's permalink"
    LINKEDIN_ID = "linkedin_id", "LinkedIn's number"
    APOLLO_ID = "apollo_id", "Apollo's number"
    GITHUB_ORG = "github_org", "GitHub organisation"


class Entity(Record):
    """A company, person, technology or industry that runs of one client speak of.

    A company is known by its ids (`EntityId`). One that was only named, like a person, is known through the company it
    was named of (`within`); a technology and an industry are what they are called. Where erasure takes a word out of
    the name, what was made of the name goes too, and of a person all that was held of them.
    """

    recorded = ("client_id", "kind", "within_id", "created_at")

    class Kind(models.TextChoices):
        COMPANY = "company", "Company"
        PERSON = "person", "Person"
        TECHNOLOGY = "technology", "Technology"
        INDUSTRY = "industry", "Industry"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="entities", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=300, help_text="As the newest run has it.")
    normalised = models.CharField(
        max_length=300, help_text="Small letters without accents, signs and legal form: how names are compared."
    )
    within = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="named_here",
        db_index=False,
        verbose_name="known through",
        help_text="Of which company it was named, where only its name is known.",
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "entities"
        constraints = [
            models.UniqueConstraint(
                fields=["within", "kind", "normalised"],
                condition=Q(within__isnull=False),
                name="one_entity_a_name_within_a_company",
            ),
            models.UniqueConstraint(
                fields=["client", "kind", "normalised"],
                condition=Q(kind__in=["technology", "industry"]),
                name="one_technology_or_industry_a_name",
            ),
        ]
        indexes = [models.Index(fields=["client", "kind", "normalised"], name="entities_by_name")]

    def __str__(self) -> str:
        return self.name


class EntityId(Record):
    """A strong id, and the entity that had it first; another that is said to have it is the same (`EntityMerge`)."""

    recorded = ("client_id", "entity_id", "scheme", "value", "claim_id", "created_at")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+", db_index=False)
    entity = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="ids")
    scheme = models.CharField(max_length=20, choices=Scheme)
    value = models.CharField(max_length=300)
    claim = models.ForeignKey(
        "agents_app.Claim",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who says so; nobody of the domain that was asked about.",
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "id of an entity"
        verbose_name_plural = "ids of entities"
        constraints = [models.UniqueConstraint(fields=["client", "scheme", "value"], name="one_entity_an_id")]

    def __str__(self) -> str:
        return f"{self.get_scheme_display()} {self.value}"


PERIODS = [
    models.CheckConstraint(
        condition=Q(expired_at__isnull=True) | Q(expired_at__gte=F("created_at")), name="%(class)s_expires_once_known"
    ),
    models.CheckConstraint(
        condition=Q(invalid_at__isnull=True) | Q(valid_at__isnull=True) | Q(invalid_at__gte=F("valid_at")),
        name="%(class)s_ends_once_begun",
    ),
]


class Period(Record):
    """Since when it holds, and until when: in the world, and to our knowledge."""

    valid_at = models.DateTimeField(
        "holds since", null=True, blank=True, help_text="In the world; empty: nobody says since when."
    )
    invalid_at = models.DateTimeField(
        "held until", null=True, blank=True, help_text="In the world; empty: it holds, or nobody says until when."
    )
    created_at = models.DateTimeField("known since")
    expired_at = models.DateTimeField(
        "replaced", null=True, blank=True, help_text="When a newer word took its place; empty: it is held."
    )

    class Meta:
        abstract = True


class Edge(Period):
    """How two entities stand to each other, as one run found it."""

    recorded = ("subject_id", "relation", "object_id", "valid_at", "created_at")

    class Relation(models.TextChoices):
        PARENT_OF = "parent_of", "owns"
        WORKS_AT = "works_at", "works at"
        USES = "uses", "uses"
        MAILS_WITH = "mails_with", "has its mail with"
        IN_INDUSTRY = "in_industry", "is in the industry"

    subject = models.ForeignKey(
        "agents_app.Entity", on_delete=models.PROTECT, related_name="edges_from", db_index=False
    )
    relation = models.CharField(max_length=20, choices=Relation)
    object = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="edges_to", db_index=False)
    claims = models.ManyToManyField("agents_app.Claim", related_name="+", verbose_name="evidence")

    class Meta:
        constraints = [
            *PERIODS,
            models.UniqueConstraint(
                fields=["subject", "relation", "object", "created_at"], name="one_edge_a_pair_and_moment"
            ),
        ]
        indexes = [
            models.Index(fields=["subject", "-id"], name="edges_from_an_entity"),
            models.Index(fields=["object", "-id"], name="edges_to_an_entity"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.get_relation_display()} {self.object}"


class Statement(Period):
    """A value that is, or was, held of an entity, from one fact of one run. Its evidence are the fact's claims."""

    recorded = ("entity_id", "attribute", "value", "unit", "confidence", "fact_id", "valid_at", "created_at")

    entity = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="statements", db_index=False)
    attribute = models.CharField(max_length=40)
    value = models.CharField(max_length=300)
    unit = models.CharField(max_length=20, blank=True)
    confidence = models.FloatField()
    fact = models.ForeignKey("agents_app.Fact", on_delete=models.PROTECT, related_name="statements", db_index=False)

    class Meta:
        constraints = [
            *PERIODS,
            models.UniqueConstraint(fields=["fact", "entity", "attribute"], name="one_statement_a_fact"),
        ]
        indexes = [models.Index(fields=["entity", "attribute", "-created_at"], name="statements_of_an_attribute")]

    def __str__(self) -> str:
        return f"{self.attribute}: {self.value}"


class EntityMerge(Record):
    """Two entities are one, from `at` until somebody splits them. What is known of each stays with each.

    `scheme` and `value` are the strong id that both are said to have; empty where a person says so. The loser is the
    younger one. Those that are one stand under the oldest of them (`agents_app/entities/sameness.py`).
    """

    recorded = ("client_id", "loser_id", "winner_id", "scheme", "value", "by_id", "at")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+", db_index=False)
    loser = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="merges_into")
    winner = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="merges_from")
    scheme = models.CharField("shared id", max_length=20, choices=Scheme, blank=True)
    value = models.CharField(max_length=300, blank=True)
    claims = models.ManyToManyField("agents_app.Claim", related_name="+", verbose_name="evidence", blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "merge of entities"
        verbose_name_plural = "merges of entities"
        constraints = [
            models.CheckConstraint(condition=~Q(loser=F("winner")), name="merge_is_of_two"),
            models.UniqueConstraint(
                fields=["loser", "winner"], condition=Q(undone_at__isnull=True), name="merged_once_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["client", "-at"], name="merges_of_a_client")]

    def __str__(self) -> str:
        return f"{self.loser} → {self.winner}"


class MergeProposal(Record):
    """Two entities that may be one, where nothing says so for sure. A person decides, and is asked once.

    `one` is the older of the two; `score` says how alike their names are, 0 to 1.
    """

    recorded = ("client_id", "one_id", "other_id", "score", "why", "at")

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        MERGED = "merged", "Merged"
        REFUSED = "refused", "Not the same"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+", db_index=False)
    one = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey("agents_app.Entity", on_delete=models.PROTECT, related_name="+")
    score = models.FloatField("likeness of the names")
    why = models.CharField(max_length=300)
    at = models.DateTimeField("proposed")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name="decided by",
    )
    decided_at = models.DateTimeField("decided", null=True, blank=True)

    class Meta:
        verbose_name = "proposal to merge"
        verbose_name_plural = "proposals to merge"
        constraints = [
            models.UniqueConstraint(fields=["one", "other", "why"], name="proposed_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="proposal_names_the_older_first"),
        ]
        indexes = [models.Index(fields=["client", "status", "-at"], name="proposals_of_a_client")]

    def __str__(self) -> str:
        return f"{self.one} and {self.other}"
