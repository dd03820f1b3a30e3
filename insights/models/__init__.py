from insights.models.feedback import SatisfactionScore, SupportTicket
from insights.models.pattern import ClientPattern, SharedInsight
from insights.models.review import Suggestion, WeeklyReport
from insights.models.ticket import ChangeLink, OutcomeEvaluation, Ticket

__all__ = [
    "ChangeLink",
    "ClientPattern",
    "OutcomeEvaluation",
    "SatisfactionScore",
    "SharedInsight",
    "Suggestion",
    "SupportTicket",
    "Ticket",
    "WeeklyReport",
]
