"""A convex program of an oracle's, solved for thousands of values of its parameters.

cvxpy states it, once. To write the matrices for new values then takes cvxpy some 5 ms, of which its solver needs half a
millisecond; but they are linear in the parameters, so that one product of matrices writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import clarabel
import cvxpy as cp
import numpy as np
from cvxpy.settings import PARAM_PROB
from scipy.sparse import csc_matrix

if TYPE_CHECKING:
    from portfolio import Vector

UNDECIDED = "undecided"
_KNOWN = {"Solved": cp.OPTIMAL, "PrimalInfeasible": cp.INFEASIBLE}


class Repeated:
    """A program of linear rows and norms.

    Attributes:
        problem: As cvxpy has it, with at least one parameter; a solution here is none of its own.
    """

    def __init__(self, problem: cp.Problem) -> None:
        self.problem = problem
        for parameter in problem.parameters():
            parameter.value = np.zeros(parameter.shape)
        told = problem.get_problem_data(cp.CLARABEL)[0][PARAM_PROB]
        assert problem.is_dpp(), "the matrices are linear in the parameters"
        assert told.P is None
        assert told.lower_bounds is None
        assert told.upper_bounds is None
        dims = told.cone_dims
        assert not any((dims.exp, dims.psd, dims.p3d, dims.pnd))
        self._cones = [clarabel.SecondOrderConeT(size) for size in dims.soc]
        if dims.nonneg:
            self._cones.insert(0, clarabel.NonnegativeConeT(dims.nonneg))
        if dims.zero:
            self._cones.insert(0, clarabel.ZeroConeT(dims.zero))
        # Columns by the parameters' entries, and one for what is constant; the last column of a matrix is its offset.
        self._n, self._q, self._A = told.x.size, told.q.tocsr(), told.A.tocsr()
        self._at = {told.id_to_param[i]: c for i, c in told.param_id_to_col.items() if i in told.id_to_param}
        self._nothing = csc_matrix((self._n, self._n))
        self._sign = -1.0 if isinstance(problem.objective, cp.Maximize) else 1.0

    def solve(self, *tolerances: float) -> tuple[str, float]:
        """Solve for the values that the parameters have, at ever lower accuracy where the solver stalls.

        Returns:
            ``cp.OPTIMAL`` with the value, or ``cp.INFEASIBLE`` or UNDECIDED with no number.
        """
        values = self._values()
        *q, offset = self._q @ values
        rows = (self._A @ values).reshape((-1, self._n + 1), order="F")
        A, b = csc_matrix(-rows[:, :-1]), np.ascontiguousarray(rows[:, -1])
        for tolerance in tolerances:
            settings = clarabel.DefaultSettings()
            settings.verbose = False
            settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = tolerance
            found = clarabel.DefaultSolver(self._nothing, np.array(q), A, b, self._cones, settings).solve()
            status = _KNOWN.get(str(found.status))
            if status == cp.INFEASIBLE:
                return status, np.nan
            # On some processors the solver reports an optimum that is not a number.
            if status == cp.OPTIMAL and np.isfinite(found.obj_val):
                return status, self._sign * (float(found.obj_val) + float(offset))
        return UNDECIDED, np.nan

    def _values(self) -> Vector:
        values = np.zeros(self._q.shape[1])
        values[-1] = 1.0
        for parameter, at in self._at.items():
            values[at : at + parameter.size] = np.asarray(parameter.value).ravel(order="F")
        return values
