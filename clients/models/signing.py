from django.db import models


class SigningSecret(models.Model):
    """What a connection's party signs its calls with: encrypted, or `reference` says where it stands
    (`clients/credentials.py`).

    Valid from `active_from` up to, not including, `active_until` (null: until it is replaced). Several are valid at
    once while a secret changes. `hint` is its last four characters.
    """

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="signing_secrets")
    secret = models.BinaryField(default=b"", blank=True, editable=False)
    reference = models.CharField(max_length=200, blank=True)
    hint = models.CharField(max_length=4, blank=True)
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-active_from", "-pk")

    def __str__(self) -> str:
        return self.reference or f"…{self.hint}"
