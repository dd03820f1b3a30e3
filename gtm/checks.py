"""Settings that would break a promise stop the start: the queue must not hand a run out twice, nor cut it off, and the
way out must not lead back to our own machine."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from agents_app.models.flow import LONGEST_DRIVE_S, MOST_SECONDS

LONGEST_TASK_S = LONGEST_DRIVE_S + MOST_SECONDS + 60  # of a run: its last step may begin at the end of a drive


@register()
def queue(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    own: Mapping[str, Any] = settings.Q_CLUSTER
    basis = {name: value for name, value in own.items() if name != "ALT_CLUSTERS"}
    clusters = {str(basis.get("name", "default")): basis}
    clusters |= {name: {**basis, **each} for name, each in own.get("ALT_CLUSTERS", {}).items()}
    found = [error for name, cluster in clusters.items() for error in _cluster(name, cluster)]
    if "runs" not in clusters:
        found.append(
            Error(
                "Q_CLUSTER has no cluster “runs”.",
                hint="Add it to ALT_CLUSTERS; runs would hold up webhooks.",
                id="gtm.E001",
            )
        )
    return found


@register()
def way_out(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    if not settings.LOOPBACK_ALLOWED:
        return []
    return [
        Error(
            "LOOPBACK_ALLOWED names addresses of this machine: who types an address could reach them through us.",
            hint="Leave it empty; only tests fill it, while they run.",
            id="gtm.E008",
        )
    ]


def _cluster(name: str, cluster: Mapping[str, Any]) -> Iterator[CheckMessage]:
    timeout, retry = cluster.get("timeout") or 0, cluster.get("retry") or 0
    workers, limit = cluster.get("workers") or 1, cluster.get("queue_limit") or 0
    if cluster.get("max_attempts") != 1:
        yield _error(name, "max_attempts", "is not 1: the queue would start a failed task again by itself", "E002")
    if cluster.get("ack_failures") is not True:
        yield _error(name, "ack_failures", "is not True: a task that fails would be started for ever", "E003")
    if limit != workers:
        yield _error(name, "queue_limit", "differs from workers: tasks would age in a queue that nobody sees", "E004")
    if not timeout:
        yield _error(name, "timeout", "is not set: a task that hangs would hold its worker for ever", "E005")
    if retry < timeout * (1 + limit / workers):
        yield _error(
            name, "retry", "is below twice the timeout: a task that still runs would be handed out again", "E006"
        )
    if name == "runs" and timeout < LONGEST_TASK_S:
        yield _error(name, "timeout", f"is below {LONGEST_TASK_S} s: a run could be cut off in mid-step", "E007")


def _error(cluster: str, key: str, why: str, number: str) -> Error:
    return Error(
        f"Q_CLUSTER: {key} of the cluster “{cluster}” {why}.",
        hint="See gtm/settings.py for values that work.",
        id=f"gtm.{number}",
    )
