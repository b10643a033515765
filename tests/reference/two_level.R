# Further values of two-level models from R. Run from the top of the checkout:
#   Rscript tests/reference/two_level.R
# Packages: lavaan, jsonlite. The unrestricted model is fitted as a model here (lavaan's own EM stops early).
suppressMessages(library(lavaan))
folder <- "tests/reference"
read_data <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))
square <- function(m) list(names = colnames(m), data = lapply(seq_len(nrow(m)), function(i) unname(m[i, ])))
entries <- list()
add <- function(id, dataset, cluster, model, estimator = "ML", fixed.x = TRUE, free, partial = NULL) {
  d <- read_data(dataset)
  quick <- function(m) sem(m, data = d, cluster = cluster, fixed.x = fixed.x, se = "none", test = "none",
                           baseline = FALSE, h1 = FALSE)
  f <- sem(model, data = d, cluster = cluster, estimator = estimator, fixed.x = fixed.x)
  open <- quick(free)
  stopifnot(lavInspect(open, "converged"))
  implied <- lavInspect(open, "implied")
  p <- parameterEstimates(f, standardized = TRUE)
  s <- standardizedSolution(f)
  measures <- unclass(fitMeasures(f))
  values <- list(
    model = model, cluster = cluster, estimator = estimator, nobs = nobs(f),
    nclusters = lavInspect(f, "nclusters"), fit = as.list(measures),
    parameters = as.list(p[c("lhs", "op", "rhs", "level", "est", "se", "std.lv", "std.all")]),
    standardized = as.list(s[c("lhs", "op", "rhs", "est.std", "se")]),
    saturated = list(model = free, logl = as.numeric(logLik(open)),
                     within = square(implied$within$cov), between = square(implied[[2]]$cov)))
  for (level in names(partial)) {
    part <- quick(partial[[level]])
    stopifnot(lavInspect(part, "converged"))
    values$partial[[level]] <- list(model = partial[[level]], logl = as.numeric(logLik(part)),
                                    df = lavInspect(open, "npar") - lavInspect(part, "npar"))
  }
  entries[[length(entries) + 1]] <<- list(
    id = id, dataset = list(paste0("data/", dataset, ".csv")),
    r_call = sprintf("sem(model, cluster = '%s', estimator = '%s', fixed.x = %s)", cluster, estimator, fixed.x),
    values = values,
    tolerance = list(est = list(rtol = 1e-3, atol = 1e-4), se = list(rtol = 1e-2),
                     fit = list(rtol = 2e-3, atol = 0.2)))
}
saturate <- function(v) paste(sapply(seq_along(v), function(i)
  paste(v[i], "~~", paste(v[i:length(v)], collapse = " + "))), collapse = "\n ")
y <- paste0("y", 1:4)
within <- "fw =~ y1 + y2 + y3 + y4\n fw ~ x1 + x2"
between <- "fb =~ y1 + y2 + y3 + y4\n fb ~ w1 + w2"
open1 <- paste0(saturate(y), "\n y1 + y2 + y3 + y4 ~ x1 + x2")
open2 <- paste0(saturate(y), "\n y1 + y2 + y3 + y4 ~ w1 + w2")
both_levels <- function(one, two) paste0("level: 1\n ", one, "\nlevel: 2\n ", two)
add("covariates_mlr", "Demo.twolevel", "cluster", both_levels(within, between), "MLR",
    free = both_levels(open1, open2),
    partial = list(within = both_levels(within, open2), between = both_levels(open1, between)))
lead <- paste0("LEAD0", 1:6)
both <- c("LEAD01", "LEAD02", "LEAD03", "TSIG01", "TSIG02", "TSIG03")
one <- function(f) paste0(f, " =~ ", paste(lead, collapse = " + "))
add("leadership_mlr", "lq2002", "COMPID",
    paste0("level: 1\n ", one("fw"), "\n LEAD01 ~~ LEAD02\nlevel: 2\n ", one("fb")), "MLR",
    free = paste0("level: 1\n ", saturate(lead), "\nlevel: 2\n ", saturate(lead)))
add("path_ml", "Demo.twolevel", "cluster",
    paste("level: 1\n y1 ~ a*x1 + x2\n y2 ~ y1 + x1",
          "level: 2\n y1 ~ w1\n y2 ~ b*y1 + w1 + w2\nab := a*b", sep = "\n"),
    free = paste0("level: 1\n y1 ~~ y2\n y1 + y2 ~ x1 + x2\nlevel: 2\n y1 ~~ y2\n y1 + y2 ~ w1 + w2"))
add("doubly_latent_ml", "lq2002", "COMPID",
    paste("level: 1\n xw =~ a*LEAD01 + b*LEAD02 + c*LEAD03\n yw =~ d*TSIG01 + e*TSIG02 + f*TSIG03\n yw ~ w*xw",
          "level: 2\n xb =~ a*LEAD01 + b*LEAD02 + c*LEAD03\n yb =~ d*TSIG01 + e*TSIG02 + f*TSIG03\n yb ~ bb*xb",
          "context := bb - w", sep = "\n"),
    free = paste0("level: 1\n ", saturate(both), "\nlevel: 2\n ", saturate(both)))
add("single_latent_ml", "Demo.twolevel", "cluster",
    "level: 1\n y1 ~ w*y2\nlevel: 2\n y1 ~ bb*y2\ncontext := bb - w", fixed.x = FALSE,
    free = both_levels("y1 ~~ y2", "y1 ~~ y2"))
versions <- sapply(c("lavaan", "jsonlite"), function(p) as.character(packageVersion(p)))
out <- list(topic = "two_level", made_by = "two_level.R", R = R.version.string,
            packages = as.list(versions), entries = entries)
writeLines(jsonlite::toJSON(out, auto_unbox = TRUE, digits = NA, pretty = 1, na = "null"),
           file.path(folder, "two_level.json"))
