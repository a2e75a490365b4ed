"""What action.yml runs, with the action's own Python: the step; or, with arguments, the `fab` that the step calls.

A workflow may be cancelled while Python is still importing. Until there is somebody who listens, SIGINT ends it at once and without a
traceback: nothing has been done by then.
"""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run one of the two."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:]:
        from fabric.main import program  # noqa: PLC0415 - slow, which is what this is about

        signal.signal(signal.SIGINT, signal.default_int_handler)
        program.run(["fab", *sys.argv[1:]])
        return 0
    from deploy.action.step import take_step  # noqa: PLC0415

    return take_step()


if __name__ == "__main__":
    sys.exit(main())
