"""One table: quantity -> how closely two right implementations must agree, and why."""

EXACT = 1e-10  # closed forms on the same doubles
CLOSED_FORM = 1e-8  # sums in another order
THREE_DECIMALS = 5.1e-4  # the other software rounds to three decimals
LMM = {
    "fixef": {"rtol": 1e-6, "atol": 1e-7},
    "se": {"rtol": 1e-5, "atol": 0.0},
    "vcov": {"rtol": 1e-5, "atol": 1e-9},
    "theta": {"rtol": 1e-4, "atol": 1e-5},  # flat direction of the criterion at its minimum
    "variance": {"rtol": 1e-4, "atol": 1e-6},
    "sigma": {"rtol": 1e-6, "atol": 0.0},
    "criterion": {"rtol": 0.0, "atol": 1e-5},
}  # as stated in the reference files, entry by entry
