"""``python -m immuta_assets.cli`` is the command line; nothing else belongs here."""

from immuta_assets.cli import main

if __name__ == "__main__":
    main()
