"""Adapters: the strategies inside other people's frameworks; the only place that imports them."""
