"""Clips and decay: what bounds or bends the gradient before the rule and the update after the rate."""
