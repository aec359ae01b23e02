"""What a user is told when something is wrong: codes, positions, and the text that shows both."""

from sdflow.problems.nearest import nearest
from sdflow.problems.problem import Marks, NodeFailedError, Position, Problem, UserError, Via, problem

__all__ = ["Marks", "NodeFailedError", "Position", "Problem", "UserError", "Via", "nearest", "problem"]
