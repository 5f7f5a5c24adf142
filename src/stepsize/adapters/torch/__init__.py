"""Any strategy in PyTorch: on any optimizer, in any loop."""
