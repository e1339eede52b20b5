"""What all servers of tests share: each is a context manager that starts and closes it."""

from abc import ABC, abstractmethod
from typing import Self


class RunningServer(ABC):
    """A server that runs from `start` to `close`."""

    @abstractmethod
    def start(self) -> Self:
        """Start and return the server."""

    @abstractmethod
    def close(self) -> None:
        """Stop, and raise what went wrong inside. Does nothing if it does not run."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
