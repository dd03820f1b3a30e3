from agents_app.models.budget import ModelPrice
from agents_app.models.draft import Draft, Send
from agents_app.models.knowledge import Brief, Claim, Fact, Persona, SourceRecord
from agents_app.models.prompt import PromptVersion
from agents_app.models.request import Campaign, CampaignContact, CampaignStep, Depth, Purpose, Request, RequestRule
from agents_app.models.run import FlowRun, PlannedPrompt, StepRun

__all__ = [
    "Brief",
    "Campaign",
    "CampaignContact",
    "CampaignStep",
    "Claim",
    "Depth",
    "Draft",
    "Fact",
    "FlowRun",
    "ModelPrice",
    "Persona",
    "PlannedPrompt",
    "PromptVersion",
    "Purpose",
    "Request",
    "RequestRule",
    "Send",
    "SourceRecord",
    "StepRun",
]
