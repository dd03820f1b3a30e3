"""What the models of this app hold of a person (gtm/personal.py says what the words mean). Results are counts."""

from gtm.personal import Personal

DECLARED = (
    Personal("experiments.Experiment", search=("name", "hypothesis"), free=("salt",), client="client", scan=True),
    Personal("experiments.Variant", free=("key",)),
    Personal("experiments.OutcomeEvent", contact=("contact",), keys=("event_key",), free=("source",)),
    Personal("experiments.AnalysisSnapshot", free=("result",)),
    Personal("experiments.Decision", free=("reason",)),
    Personal(
        "experiments.SettingProposal",
        client="client",
        scan=True,
        search=("evidence", "expected", "risk", "reason", "undone_reason"),
        free=("rule", "path", "own", "in_force", "proposed", "written"),
    ),
    Personal("experiments.ProposalEffect", free=("result",)),
)
