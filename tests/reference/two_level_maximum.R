# Maxima of three two-level likelihoods in base R (no lavaan), where lavaan 0.6-14 stops before the
# maximum. Run from the top of the checkout:  Rscript tests/reference/two_level_maximum.R
# Per cluster of n rows with residuals e around the means, within covariances W and between B:
#   log L = -1/2 [n p log 2 pi + (n - 1) log|W| + log|W + n B| + tr W^-1 (e'e - n m m') + n m' (W + n B)^-1 m]
library(jsonlite)
read <- function(name) read.csv(file.path("tests/reference/data", paste0(name, ".csv")))
loglik <- function(e, cluster, W, B) {
  p <- ncol(e); n <- as.vector(table(cluster)); m <- rowsum(e, cluster) / n
  if (min(eigen(W, TRUE, TRUE)$values) <= 0) return(-1e10)
  within <- crossprod(e) - crossprod(m * sqrt(n))
  total <- -sum(n - 1) * c(determinant(W)$modulus) - sum(solve(W) * within) - length(cluster) * p * log(2 * pi)
  for (size in unique(n)) {
    V <- W + size * B; own <- m[n == size, , drop = FALSE]
    if (min(eigen(V, TRUE, TRUE)$values) <= 0) return(-1e10)
    total <- total - nrow(own) * c(determinant(V)$modulus) - size * sum((own %*% solve(V)) * own)
  }
  total / 2
}
slope <- function(f, t, h) sapply(seq_along(t), function(i) {
  d <- replace(0 * t, i, h); (8 * (f(t + d) - f(t - d)) - f(t + 2 * d) + f(t - 2 * d)) / (12 * h) })
bend <- function(f, t, h) { k <- length(t); H <- sapply(seq_len(k), function(i) {
  d <- replace(0 * t, i, h); (slope(f, t + d, h) - slope(f, t - d, h)) / (2 * h) }); (H + t(H)) / 2 }
maximum <- function(f, start) { # Newton, its direction turned uphill where the curvature is not
  t <- start
  for (i in 1:100) {
    g <- slope(f, t, 1e-4); e <- eigen(bend(f, t, 1e-4), TRUE)
    step <- drop(e$vectors %*% (crossprod(e$vectors, g) / pmax(abs(e$values), 1e-6))); s <- 1
    while (f(t + s * step) < f(t) && s > 1e-8) s <- s / 2
    if (sum(g * step) < 1e-14 || s <= 1e-8) break
    t <- t + s * step
  }
  list(theta = t, logl = f(t), decrement = -sum(g * solve(bend(f, t, 1e-4), g)))
}
entries <- list()
demo <- read("Demo.twolevel"); y <- as.matrix(demo[c("y1", "y2", "y3")]); id <- demo$cluster
keep <- function(id, fit, values) entries[[length(entries) + 1]] <<- list(id = id,
  values = c(list(logl = fit$logl, decrement = fit$decrement), values))

# loadings equal at both levels: l2 l3 | W residuals, factor | B residuals, factor | nu
metric <- function(t) { l <- c(1, t[1:2])
  loglik(sweep(y, 2, t[11:13]), id, tcrossprod(l) * t[6] + diag(t[3:5]), tcrossprod(l) * t[10] + diag(t[7:9])) }
fit <- maximum(metric, c(.75, .7, 1, 1, 1, .5, .05, .1, .1, .9, .02, -.02, -.05))
l <- c(1, fit$theta[1:2]); sd <- sqrt(l^2 * fit$theta[10] + fit$theta[7:9])
keep("tlcfa_demo_y123_metric", fit, list(item = colnames(y), intercept = fit$theta[11:13],
  intercept_std = fit$theta[11:13] / sd))

# predictors: lw2 lw3 lb2 lb3 | beta 3 | gamma 2 | W residuals, factor | B residuals, factor | nu
x <- as.matrix(demo[c("x1", "x2", "x3")]); w <- as.matrix(demo[c("w1", "w2")])
sem <- function(t) { lw <- c(1, t[1:2]); lb <- c(1, t[3:4])
  e <- sweep(y, 2, t[18:20]) - tcrossprod(drop(x %*% t[5:7]), lw) - tcrossprod(drop(w %*% t[8:9]), lb)
  loglik(e, id, tcrossprod(lw) * t[13] + diag(t[10:12]), tcrossprod(lb) * t[17] + diag(t[14:16])) }
fit <- maximum(sem, c(.77, .73, .72, .59, .5, .4, .2, .16, .13, .99, 1.07, .96, .55, .06, .12, .15, .9, .02, -.02, -.04))
ws <- unique(demo[c("cluster", "w1", "w2")]); S <- cov(ws[, -1]) * (nrow(ws) - 1) / nrow(ws)
lb <- c(1, fit$theta[3:4]); g <- fit$theta[8:9]
sd <- sqrt(lb^2 * (fit$theta[17] + drop(g %*% S %*% g)) + fit$theta[14:16])
keep("tlsem_demo_y123", fit, list(item = colnames(y), intercept = fit$theta[18:20], intercept_std = fit$theta[18:20] / sd))

# no restriction: W by its Cholesky factor, B free, means
lq <- read("lq2002"); z <- as.matrix(lq[c("TSIG01", "TSIG02", "TSIG03")]); unit <- lq$COMPID
low <- lower.tri(diag(3), TRUE)
parts <- function(t) { C <- matrix(0, 3, 3); C[low] <- t[1:6]; B <- matrix(0, 3, 3); B[low] <- t[7:12]
  list(W = tcrossprod(C), B = B + t(B) - diag(diag(B))) }
free <- function(t) { p <- parts(t); loglik(sweep(z, 2, t[13:15]), unit, p$W, p$B) }
stored <- Filter(function(e) e$id == "tlcfa_lq2002_tsig_mlr",
  fromJSON("tests/reference/twolevel_sem.json", simplifyVector = FALSE)$entries)[[1]]$values
square <- function(m) matrix(unlist(m$data), 3) # lavaan's EM: the start
fit <- maximum(free, c(t(chol(square(stored$h1_within_cov)))[low], square(stored$h1_between_cov)[low], colMeans(z)))
p <- parts(fit$theta)
keep("tlcfa_lq2002_tsig_mlr", fit, list(item = colnames(z), within = p$W, between = p$B,
  icc = diag(p$B) / diag(p$B + p$W)))
stopifnot(sapply(entries, function(e) abs(e$values$decrement) < 1e-10))
out <- list(topic = "two_level_maximum", made_by = "tests/reference/two_level_maximum.R", R = R.version.string, entries = entries)
write_json(out, "tests/reference/two_level_maximum.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
