"""What wrote an e-mail, or any other answer of a step."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents_app import names, origins
from agents_app.models import StepRun
from clients.access import scope


@require_safe
def written_by(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exact prompt, its version, the settings in force, and who answered."""
    origin = origins.of_step(step_id, scope(StepRun.objects.all(), request.user, "run__client"))
    if origin is None:
        raise Http404
    is_offline = names.is_composer(origin.step.generator)
    return render(request, "agents_app/written_by.html", {"origin": origin, "is_offline": is_offline})
