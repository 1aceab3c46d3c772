"""The first step of every child process: tie its life to ours, then become the server.

Run as a script, by path, by `services.embedded.processes.spawn`; it imports nothing of the
project, so that it starts in some 15 ms. It drops root rights where asked, asks the kernel to
signal it when its parent ends (`prctl(PR_SET_PDEATHSIG)`, Linux; the kernel clears that wish when
the user changes, so it comes after), and replaces itself by the program. A `preexec_fn` would do
the same inside a forked copy of a process with many threads, which may lock up.

A shell starts what it puts into the background with SIGINT ignored, and that is inherited: no
signal that ends a child may reach it ignored or held back.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
EXIT_PARENT_GONE = 3


def main(arguments: list[str]) -> None:
    """Become a program.

    Args:
        arguments: death signal's number, our parent's pid, user id and group id (-1: stay who we
            are), the program's full path and its arguments.
    """
    death_signal, parent, user_id, group_id = (int(word) for word in arguments[:4])
    command = arguments[4:]
    # Loaded before rights are dropped: the interpreter may live where the user cannot read.
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    if user_id >= 0:
        os.setgroups([])
        os.setgid(group_id)
        os.setuid(user_id)
    os.umask(0o077)
    for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the wish was heard
            sys.exit(EXIT_PARENT_GONE)
    try:
        os.execv(command[0], command)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
