"""The value of pixels that say nothing. Alone in its file, for what must start without torch."""

UNLABELLED = 255
"""Value of label pixels without a label, and of those in the padding."""
