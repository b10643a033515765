# Means and covariances of incomplete normal data by maximum likelihood, and Little's (1988) test of
# MCAR from them, in two ways that share no code. Run from the top of the checkout:
#   Rscript tests/reference/missingness.R
# Packages: lavaan (moments of the saturated model by FIML), jsonlite.
# lavaan warns that its EM used all iterations: the tolerance asks for more than doubles give.
suppressMessages(library(lavaan))
folder <- "tests/reference"
read_data <- function(name, columns)
  as.matrix(read.csv(file.path(folder, "data", paste0(name, ".csv")))[columns])

# Moments from lavaan's saturated model, its EM run to a tight end.
by_lavaan <- function(x) {
  colnames(x) <- paste0("v", seq_len(ncol(x)))
  names <- colnames(x)
  model <- paste(outer(names, names, function(a, b) paste(a, "~~", b))[lower.tri(diag(ncol(x)), TRUE)],
                 collapse = "\n")
  fit <- lavaan(model, as.data.frame(x), meanstructure = TRUE, int.ov.free = TRUE, missing = "ml",
                do.fit = FALSE, em.h1.iter.max = 100000L, em.h1.tol = 1e-14)
  h1 <- lavInspect(fit, "sampstat")
  list(mean = as.numeric(h1$mean), cov = matrix(as.numeric(h1$cov[names, names]), length(names)))
}

# Moments from the definition of EM, row by row.
by_em <- function(x) {
  n <- nrow(x); p <- ncol(x)
  mu <- colMeans(x, na.rm = TRUE); S <- diag(apply(x, 2, var, na.rm = TRUE), p)
  for (iteration in 1:20000) {
    T1 <- numeric(p); T2 <- matrix(0, p, p)
    for (i in seq_len(n)) {
      m <- is.na(x[i, ]); full <- x[i, ]; C <- matrix(0, p, p)
      if (any(m)) {
        B <- S[m, !m, drop = FALSE] %*% solve(S[!m, !m, drop = FALSE])
        full[m] <- mu[m] + B %*% (x[i, !m] - mu[!m])
        C[m, m] <- S[m, m] - B %*% S[!m, m, drop = FALSE]
      }
      T1 <- T1 + full; T2 <- T2 + tcrossprod(full) + C
    }
    new_mu <- T1 / n; new_S <- T2 / n - tcrossprod(new_mu)
    change <- max(abs(new_mu - mu), abs(new_S - S))
    mu <- new_mu; S <- new_S
    if (change < 1e-12) break
  }
  list(mean = as.numeric(mu), cov = unname(S), iterations = iteration)
}

little <- function(x, moments) {
  key <- apply(is.na(x), 1, function(r) paste(as.integer(r), collapse = ""))
  d2 <- 0; df <- -ncol(x)
  for (rows in split(seq_len(nrow(x)), key)) {
    o <- !is.na(x[rows[1], ])
    off <- colMeans(x[rows, o, drop = FALSE]) - moments$mean[o]
    d2 <- d2 + length(rows) * sum(off * solve(moments$cov[o, o, drop = FALSE], off))
    df <- df + sum(o)
  }
  list(statistic = d2, df = df, p_value = pchisq(d2, df, lower.tail = FALSE),
       patterns = length(unique(key)))
}

rows <- function(m) lapply(seq_len(nrow(m)), function(i) unname(m[i, ]))
entry <- function(id, name, columns, both = FALSE) {
  x <- read_data(name, columns)
  x <- x[rowSums(!is.na(x)) > 0, ]
  moments <- by_lavaan(x)
  values <- list(columns = columns, n = nrow(x), mean = moments$mean, cov = rows(moments$cov),
                 little = little(x, moments))
  if (both) {
    own <- by_em(x)
    values$em <- list(mean = own$mean, cov = rows(own$cov), little = little(x, own))
    values$largest_difference <- max(abs(own$cov - moments$cov), abs(own$mean - moments$mean))
  }
  list(id = id, dataset = list(paste0("data/", name, ".csv")), r_call =
         "lavaan(saturated, missing = 'ml'); sum over patterns of n (m - mu)' S^-1 (m - mu)",
       values = values, tolerance = list(default = list(rtol = 1e-7),
                                         note = "two EM runs stop at different places"))
}
entries <- list(
  entry("little_nhanes", "nhanes", c("age", "bmi", "hyp", "chl"), both = TRUE),
  entry("little_popmis", "popmis", c("popular", "sex", "texp", "teachpop"), both = TRUE),
  entry("little_bfi", "bfi", paste0(rep(c("A", "C", "E", "N", "O"), each = 5), 1:5)),
  entry("little_bfi_agree", "bfi", c(paste0("A", 1:5), "education"), both = TRUE))
jsonlite::write_json(
  list(topic = "missingness", made_by = "missingness.R", R = R.version.string,
       packages = list(lavaan = as.character(packageVersion("lavaan"))), entries = entries),
  file.path(folder, "missingness.json"), auto_unbox = TRUE, digits = NA, pretty = 1)
