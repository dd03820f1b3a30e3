"""The admin's pages of how we write. What only records is read; each button calls one public function."""

from agents_app.admin import mail, outreach, prompts, runs

__all__ = ["mail", "outreach", "prompts", "runs"]
