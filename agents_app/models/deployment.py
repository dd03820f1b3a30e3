from django.conf import settings
from django.db import models

from gtm.records import Record


class Deployment(Record):
    """What a client's runs use, from one change to the next: settings, prompt versions, rollouts and connections.

    `config` holds the settings in force as a document, `config_sha256` its digest without which layer says a word to an
    agent (`clients.config.content_sha256`). `prompts` is {agent: id of a prompt version}. `rollouts` and `connections`
    are lists of `agents_app.deployments.Rollout` and `Wire`. `sha256` tells two apart: it covers all of it but names
    and connections that are switched off.
    """

    recorded = (
        "client_id", "number", "config_version_id", "config", "config_sha256", "prompts", "rollouts", "connections",
        "sha256", "cause", "author_id", "created_at",
    )  # fmt: skip

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="deployments")
    number = models.PositiveIntegerField()
    config_version = models.ForeignKey(
        "clients.ConfigVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    config = models.JSONField()
    config_sha256 = models.CharField(max_length=64)
    prompts = models.JSONField()
    rollouts = models.JSONField(default=list, blank=True)
    connections = models.JSONField(default=list, blank=True)
    sha256 = models.CharField(max_length=64)
    cause = models.TextField(help_text="What changed against the one before, in words.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("return_deployment", "Returns a client to an earlier deployment, and pins prompts for it")]
        constraints = [models.UniqueConstraint(fields=["client", "number"], name="one_deployment_a_number")]

    def __str__(self) -> str:
        return self.tag

    @property
    def tag(self) -> str:
        return f"{self.client.slug}@{self.number}"

    @property
    def digest(self) -> str:
        return self.sha256[:8]
