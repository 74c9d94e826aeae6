"""The threads that a network runs on: persistent Python threads over kernels and BLAS calls that let go of the GIL."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from lmkit._blas import one_blas_thread
from lmkit._validation import check_int


class ThreadWorkers:
    """`count` threads, the caller's own among them, and BLAS on one thread each while this is open. A context manager.

    Spin barriers, as parallel BLAS and OpenMP use them, collapse when a machine is shared; these threads sleep while they wait.

    Parameters
    ----------
    threads : int >= 1, by default all cores.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.count = check_int("ThreadWorkers", "threads", threads, minimum=1) if threads is not None else os.cpu_count() or 1
        self._tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._limit = contextlib.ExitStack()

    def __enter__(self) -> ThreadWorkers:
        self._limit.enter_context(one_blas_thread())
        for number in range(self.count - 1):
            thread = threading.Thread(target=self._serve, name=f"lmkit-{number + 1}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *exception: object) -> None:
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._limit.close()

    def run(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """Call all tasks on all threads and wait; their results in order. The first exception, by order of tasks, is raised."""
        results: list[Any] = [None] * len(tasks)
        errors: list[BaseException | None] = [None] * len(tasks)
        done: queue.SimpleQueue[None] = queue.SimpleQueue()
        ahead = iter(range(len(tasks)))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    index = next(ahead, None)
                if index is None:
                    return
                try:
                    with numpy.errstate(all="ignore"):  # a training that diverges says so itself, in a sentence
                        results[index] = tasks[index]()
                except BaseException as error:  # raised again by the caller's thread, behind the join
                    errors[index] = error

        helpers = min(len(self._threads), len(tasks) - 1)
        for _ in range(helpers):
            self._tasks.put((work, done))
        work()
        for _ in range(helpers):
            done.get()
        for error in errors:
            if error is not None:
                raise error
        return results

    def _serve(self) -> None:
        while True:
            job = self._tasks.get()
            if job is None:
                return
            work, done = job
            try:
                work()
            finally:
                done.put(None)
