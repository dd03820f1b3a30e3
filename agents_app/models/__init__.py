from agents_app.models.account import SourceAccount
from agents_app.models.budget import BudgetDay, ModelPrice
from agents_app.models.case import GoldenCase
from agents_app.models.contract import Contract
from agents_app.models.deployment import Deployment
from agents_app.models.draft import Draft, Send
from agents_app.models.entity import Edge, Entity, EntityId, EntityMerge, MergeProposal, Scheme, Statement
from agents_app.models.flow import FlowTemplate, FlowVersion, Goal, RetryClass, RoutingRule, StepKind, TemplateStep
from agents_app.models.knowledge import Brief, Claim, Correction, Fact, Persona, SourceRecord
from agents_app.models.mark import RunMark
from agents_app.models.prompt import ClientPrompt, PromptVersion, Release
from agents_app.models.rehearsal import Rehearsal, RehearsalAnswer
from agents_app.models.request import Campaign, CampaignContact, CampaignStep, Depth, Purpose, Request, RequestRule
from agents_app.models.rerun import Rerun
from agents_app.models.rollout import Rollout, RolloutDecision, RolloutDraw
from agents_app.models.run import FlowRun, Gate, PlannedPrompt, PlanRevision, StepContext, StepRun
from agents_app.models.search import SearchText
from agents_app.models.trial import Trial
from agents_app.models.watching import Anomaly, JobProgress

__all__ = [
    "Anomaly",
    "Brief",
    "BudgetDay",
    "Campaign",
    "CampaignContact",
    "CampaignStep",
    "Claim",
    "ClientPrompt",
    "Contract",
    "Correction",
    "Deployment",
    "Depth",
    "Draft",
    "Edge",
    "Entity",
    "EntityId",
    "EntityMerge",
    "Fact",
    "FlowRun",
    "FlowTemplate",
    "FlowVersion",
    "Gate",
    "Goal",
    "GoldenCase",
    "JobProgress",
    "MergeProposal",
    "ModelPrice",
    "Persona",
    "PlanRevision",
    "PlannedPrompt",
    "PromptVersion",
    "Purpose",
    "Rehearsal",
    "RehearsalAnswer",
    "Release",
    "Request",
    "RequestRule",
    "Rerun",
    "RetryClass",
    "Rollout",
    "RolloutDecision",
    "RolloutDraw",
    "RoutingRule",
    "RunMark",
    "Scheme",
    "SearchText",
    "Send",
    "SourceAccount",
    "SourceRecord",
    "Statement",
    "StepContext",
    "StepKind",
    "StepRun",
    "TemplateStep",
    "Trial",
]
