from django.db import models


class Heartbeat(models.Model):
    """When a background process last said that it lives; `name` is the cluster's."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
