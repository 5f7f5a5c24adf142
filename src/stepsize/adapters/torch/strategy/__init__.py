"""A whole strategy in one optimizer.step()."""
