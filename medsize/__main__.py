"""``python -m medsize``, and ``torchrun -m medsize`` for several processes."""

from medsize.cli import main

main()
