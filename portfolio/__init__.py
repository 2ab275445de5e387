"""The domain: numbers only; synchronous; no clock, no bus, no log.

Notation, used inside this package (outside, letters become words):

| letter     | meaning                                              | shape, unit                |
|------------|------------------------------------------------------|----------------------------|
| ``w``      | weights of the whole portfolio                       | (n,), sum 1                |
| ``u``      | weights of one pod's sleeve                          | (n,), sum 1                |
| ``X``      | holdings of the pods: row *p* is ``c[p] u[p]``       | (pods, n), sum 1           |
| ``c``      | capital shares of the pods                           | (pods,), sum 1             |
| ``mu``     | expected returns                                     | (n,), per year             |
| ``Sigma``  | covariance of returns                                | (n, n), per year           |
| ``L``      | ``L @ L.T == Sigma``, so volatility is ``|L.T w|``   | (n, n)                     |
| ``rf``     | return of cash                                       | per year                   |
| ``z``      | 1 where a pod holds an ETF                           | (pods, n), binary          |
| ``y``      | 1 where any pod holds an ETF                         | (n,), binary               |
"""

from typing import TYPE_CHECKING

# Most processes import this package and compute nothing: numpy takes a fifth of their start.
if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    Vector: TypeAlias = npt.NDArray[np.float64]
    Matrix: TypeAlias = npt.NDArray[np.float64]
