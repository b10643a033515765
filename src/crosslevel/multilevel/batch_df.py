"""Satterthwaite's degrees of freedom for many fits at once, from what the optimiser left."""

from __future__ import annotations

import numpy as np

from crosslevel.multilevel.batch_objective import BatchDerivatives, BatchProfile
from crosslevel.multilevel.coding import Floats

FLAT = 1e-9  # eigenvalue of the Hessian, relative to the largest, that holds no information


def satterthwaite(
    profile: BatchProfile, derivatives: BatchDerivatives, *, basis: Floats, nn: float
) -> Floats:
    """Return degrees of freedom (B, P) of the coefficients `basis` times beta.

    With Phi = s2 F over (theta, s2) and A = 2 Hfull^-1: df = 2 (l'Phi l)^2 / (h'A h), where h holds
    the derivatives of l'Phi l. Directions without information (a variance of zero) are left out.
    """
    sigma2 = profile.rho2 / nn
    lF = basis @ profile.F
    variance = np.einsum("bpq,pq->bp", lF, basis)
    h_theta = np.einsum("bpu,bkuv,bpv->bpk", lF, derivatives.dF, lF, optimize=True)
    h = np.concatenate([sigma2[:, None, None] * h_theta, variance[:, :, None]], axis=2)
    K = derivatives.gradient.shape[1]
    full = np.empty((len(sigma2), K + 1, K + 1))
    q = derivatives.q / sigma2[:, None]
    full[:, :K, :K] = derivatives.hessian + q[:, :, None] * q[:, None, :] / nn
    full[:, :K, K] = full[:, K, :K] = q / sigma2[:, None]
    full[:, K, K] = nn / sigma2**2
    values, vectors = np.linalg.eigh(full)
    used = values > FLAT * values[:, -1:]
    along = h @ vectors
    spread = (along**2 * np.where(used, 1.0 / np.where(used, values, 1.0), 0.0)[:, None]).sum(
        axis=2
    )
    return np.asarray((sigma2[:, None] * variance) ** 2 / spread)
