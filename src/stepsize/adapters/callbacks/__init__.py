"""A Recorder inside the trainers that people use: one module each, which imports its host.

lightning      a callback of PyTorch Lightning
transformers   a callback of the Trainer of transformers
accelerate     a tracker of Accelerate, for `accelerator.log`
keras          a callback of Keras, on any backend
"""
