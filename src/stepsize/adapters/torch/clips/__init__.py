"""Clips on any torch optimizer."""
