"""The files of a run folder: each has one module here that writes and reads it.

What a file is called, :class:`~medsize.run_folder.RunFolder` says. Checkpoints need a network to be written, and are in
:mod:`medsize.training.checkpoints`; what an evaluation leaves behind is :mod:`medsize.evaluation`'s.
"""
