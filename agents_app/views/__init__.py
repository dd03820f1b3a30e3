"""The pages of runs, plans, questions, requests and drafts."""

from agents_app.views.approvals import approval, approvals
from agents_app.views.companies import client_companies, company, research_sources
from agents_app.views.comparing import run_compare, runs_compared
from agents_app.views.debugging import run_again, run_document, run_marks, step_case
from agents_app.views.deployments import client_deployments
from agents_app.views.gates import gate, questions
from agents_app.views.origins import written_by
from agents_app.views.plans import plan
from agents_app.views.rehearsals import rehearsal, rehearse
from agents_app.views.rollouts import roll_out, rollout
from agents_app.views.runs import request_trace, run_page, run_progress, run_step
from agents_app.views.trials import client_try, trial

__all__ = [
    "approval", "approvals", "client_companies", "client_deployments", "client_try", "company", "gate", "plan",
    "questions", "rehearsal", "rehearse", "request_trace", "research_sources", "roll_out", "rollout", "run_again",
    "run_compare", "run_document", "run_marks", "run_page", "run_progress", "run_step", "runs_compared", "step_case",
    "trial", "written_by",
]  # fmt: skip
