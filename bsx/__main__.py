"""``python -m bsx``."""

from bsx.cli.app import main

if __name__ == "__main__":
    main()
