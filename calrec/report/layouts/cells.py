"""Values as several tables show them."""

from __future__ import annotations

from calrec.evaluation.statistics import Difference
from calrec.report.paper import Printed
from calrec.report.tables import Value, relative_change


def printed(figures: Printed) -> Value:
    """The paper's optimistic and pessimistic figure."""
    return Value(optimistic=figures[0], pessimistic=figures[1])


def change(new: Value, old: Value) -> Value:
    """The relative change of either side."""
    return Value(
        optimistic=relative_change(new.optimistic, old.optimistic),
        pessimistic=relative_change(new.pessimistic or 0.0, old.pessimistic or 0.0),
        unit="change",
    )


def difference(optimistic: Difference, pessimistic: Difference) -> Value:
    """A paired difference with its intervals."""
    return Value(
        optimistic=optimistic.mean,
        pessimistic=pessimistic.mean,
        unit="difference",
        optimistic_interval=optimistic.interval,
        pessimistic_interval=pessimistic.interval,
    )


def p_value(optimistic: Difference, pessimistic: Difference) -> Value:
    """Its p-values."""
    return Value(optimistic=optimistic.test.p, pessimistic=pessimistic.test.p, unit="p")


def tested_cells(optimistic: Difference, pessimistic: Difference) -> tuple[Value, Value]:
    """Both, beside each other."""
    return difference(optimistic, pessimistic), p_value(optimistic, pessimistic)
