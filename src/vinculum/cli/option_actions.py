"""What options do with their values beyond keeping them: argparse actions that several commands share."""

from __future__ import annotations

import argparse


class OnlyOnce(argparse.Action):
    """An option that must not be repeated, except where it was only given its default so far."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        if getattr(namespace, self.dest, self.default) != self.default:
            raise argparse.ArgumentError(self, "There can be only one.")
        setattr(namespace, self.dest, values)


class PatternSource(argparse.Action):
    """Collects (`const`, text) in `args.pattern_sources`, where the order of differently named arguments is kept."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        namespace.pattern_sources = [*namespace.pattern_sources, (self.const, values)]


class Roots(argparse.Action):
    """Operands that are roots: they take their places among the roots that pattern options name."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        roots = list(values) if isinstance(values, list) else []
        setattr(namespace, self.dest, roots)
        namespace.pattern_sources = [*namespace.pattern_sources, *(("root", root) for root in roots)]
