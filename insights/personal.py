"""What the models of this app hold of a person (gtm/personal.py says what the words mean).

Reviews, tickets and what clients wrote to us may name anybody: these tables are small, and are looked through.
"""

from gtm.personal import Personal

DECLARED = (
    Personal("insights.SatisfactionScore", search=("comment",), client="client", scan=True),
    Personal("insights.SupportTicket", search=("subject", "text"), client="client", scan=True),
    Personal("insights.ClientPattern", free=("pattern",)),
    Personal("insights.SharedInsight", free=("pattern", "sentence")),
    Personal("insights.WeeklyReport", search=("payload", "charts"), free=("sha256",), scan=True),
    Personal(
        "insights.Suggestion",
        search=("title", "text", "evidence", "dismissal"),
        free=("rule", "metric", "baseline"),
        scan=True,
    ),
    Personal("insights.Ticket", search=("title", "description", "closed_reason"), free=("metric",), scan=True),
    Personal("insights.ChangeLink", search=("description", "before", "after"), scan=True),
    Personal("insights.OutcomeEvaluation", free=("result",)),
)
