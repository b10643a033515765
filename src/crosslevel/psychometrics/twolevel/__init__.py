"""Models of covariance at two levels: persons within units, full-information maximum likelihood."""
