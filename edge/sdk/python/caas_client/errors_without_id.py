"""Errors without an id: which command one of them was about is found out by the others, which are answered."""

from collections.abc import Iterable

from .language.wire.errors import Problem


class ErrorsWithoutId:
    """The errors of one line whose commands are not known yet, and the commands that they may be about."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._suspects: set[int] = set()

    def came(self, what: Problem, on_line: Iterable[int]) -> bool:
        """An error without an id has come while these were on the line; False where there was none."""
        suspects = set(on_line)
        if suspects:
            self._suspects |= suspects
            self._problems.append(what)
        return bool(suspects)

    def answered(self, command: int) -> None:
        """This command has an answer of its own."""
        self._suspects.discard(command)

    def found(self) -> dict[int, Problem]:
        """The commands that have no other answer than these errors, once they are as few; each is returned once."""
        if len(self._suspects) > len(self._problems):
            return {}
        found = dict(zip(sorted(self._suspects), self._problems, strict=False))
        self.forget()
        return found

    def forget(self) -> None:
        """The line is gone."""
        self._problems.clear()
        self._suspects.clear()
