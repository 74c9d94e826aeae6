"""The program's entry: `lmkit`, or `python -m lmkit_cli`."""

import signal


def main() -> None:
    """Load the program and run it. Ctrl-C while it is loading ends it at once and silently, as nothing has begun yet."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from lmkit_cli import app

    app.main()


if __name__ == "__main__":
    main()
