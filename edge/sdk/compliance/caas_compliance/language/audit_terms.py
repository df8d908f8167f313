# Generated from schemas/audit_terms.py by `python -m schemas.export`: do not edit.
"""The words of the audit log: how something ended, who acted, and what it concerns."""

from typing import Literal

Outcome = Literal["success", "failure", "denied"]
"""`denied`: the actor may not do this; `failure`: it was refused for another reason, or went wrong."""
ActorType = Literal["user", "application", "operator", "system"]
Classification = Literal["personal_data", "content", "administration", "security"]
"""What an action concerns: what a person does or is, what people say, who may do what and how the system is run, or who
comes in and whether the log can be trusted.
"""
