"""An experiment's result for other programs, as a signed-in person sees it."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from ninja.security import django_auth_is_staff

from clients.access import scope
from experiments import analysis
from experiments.models import Experiment

router = Router(tags=["Experiments"])


class ResultOut(Schema):
    """`result` is a Result of experiments/results.py; rates and differences are fractions of 1."""

    experiment: int
    name: str
    status: str
    as_of: datetime
    result: dict[str, Any]


@router.get("/experiments/{int:experiment_id}/result", response=ResultOut, auth=django_auth_is_staff)
def result(request: HttpRequest, experiment_id: int) -> ResultOut:
    """The result at this moment, computed anew; nothing is stored."""
    if not request.user.has_perm("experiments.view_experiment"):
        raise HttpError(403, "Your role does not include seeing experiments. An admin can grant it.")
    experiment = scope(Experiment.objects.filter(pk=experiment_id), request.user).first()
    if experiment is None:
        raise HttpError(404, f"There is no experiment {experiment_id} among your clients.")
    at = timezone.now()
    return ResultOut(
        experiment=experiment.pk,
        name=experiment.name,
        status=experiment.status,
        as_of=at,
        result=dict(analysis.measure(experiment, at=at)),
    )
