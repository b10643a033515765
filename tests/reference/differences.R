# Scaled difference tests of nested models in three ways. Made with R 4.2.2, lavaan 0.6-14.
# Run in the folder of this file: Rscript differences.R
suppressMessages({library(lavaan); library(jsonlite)})
hs <- read.csv("data/HolzingerSwineford1939.csv")
free <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
models <- list(free = free, cross = paste0(free, "\nvisual =~ x9"),
  equal = "visual =~ x1 + a*x2 + a*x3\ntextual =~ x4 + b*x5 + b*x6\nspeed =~ x7 + d*x8 + d*x9",
  apart = paste0(free, "\nvisual ~~ 0*textual\nvisual ~~ 0*speed\ntextual ~~ 0*speed"))
methods <- c("satorra.bentler.2001", "satorra.bentler.2010", "satorra.2000")
tested <- function(larger, smaller, which = methods) {
  found <- lapply(which, function(m) {
    d <- suppressWarnings(lavTestLRT(larger, smaller, method = m))
    one <- list(statistic = d[2, "Chisq diff"], df = d[2, "Df diff"], p = d[2, "Pr(>Chisq)"])
    if (m == "satorra.2000") one <- c(one, scale = attr(d, "scale")[2], shift = attr(d, "shift")[2])
    one
  })
  setNames(found, gsub(".", "-", which, fixed = TRUE))
}
fits <- function(data, ...) lapply(models, function(m) cfa(m, data, ...))
several <- function(f) list(free_equal = tested(f$free, f$equal), free_apart = tested(f$free, f$apart),
                            cross_free = tested(f$cross, f$free))
steps <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"))
schools <- function(e) lapply(steps, function(q) cfa(free, hs, estimator = e, group = "school", group.equal = q))
mlm <- schools("MLM"); mlr <- schools("MLR")
# lavaan 0.6-14 carries no means of factors over to a larger model that fixes them, so that its M10 is not
# what the smaller model implies; here intercepts take them up, which is the same model.
M10 <- function(smaller, equal) {
  pt <- parTable(smaller)
  group <- pt$group == 2
  alpha <- pt[group & pt$op == "~1" & pt$lhs %in% c("visual", "textual", "speed"), ]
  for (i in which(group & pt$op == "~1" & grepl("^x", pt$lhs))) {
    loading <- pt[group & pt$op == "=~" & pt$rhs == pt$lhs[i], ]
    pt$est[i] <- pt$est[i] + loading$est * alpha$est[alpha$lhs == loading$lhs]
  }
  start <- as.list(pt[c("lhs", "op", "rhs", "block", "group", "est")])
  m10 <- suppressWarnings(cfa(free, hs, estimator = "MLR", group = "school", group.equal = equal, start = start,
                              optim.method = "none", optim.force.converged = TRUE, baseline = FALSE))
  gap <- max(abs(unlist(fitted(m10)) - unlist(fitted(smaller))))
  stopifnot(gap < 1e-8)
  m10@test[[2]]$scaling.factor
}
proper <- function(larger, smaller, equal) {
  df <- c(larger@test[[1]]$df, smaller@test[[1]]$df)
  cd <- (df[2] * smaller@test[[2]]$scaling.factor - df[1] * M10(smaller, equal)) / diff(df)
  fall <- smaller@test[[1]]$stat - larger@test[[1]]$stat
  list(statistic = fall / cd, df = diff(df), p = pchisq(fall / cd, diff(df), lower.tail = FALSE))
}
two <- methods[c(1, 3)]
mean_structured <- list(metric_scalar = tested(mlr$metric, mlr$scalar, two),
                        configural_scalar = tested(mlr$configural, mlr$scalar, two))
mean_structured$metric_scalar[["satorra-bentler-2010"]] <- proper(mlr$metric, mlr$scalar, "loadings")
mean_structured$configural_scalar[["satorra-bentler-2010"]] <- proper(mlr$configural, mlr$scalar, "")
gaps <- hs
for (i in 1:9) gaps[seq(i, 301, by = 13), paste0("x", i)] <- NA
entry <- function(id, what, pairs) list(id = id, dataset = list("data/HolzingerSwineford1939.csv"),
  what = what, r_call = "lavTestLRT(larger, smaller, method = ...)", values = list(models = models, pairs = pairs))
entries <- list(
  entry("mlm", "MLM", several(fits(hs, estimator = "MLM"))),
  entry("mlr", "MLR", several(fits(hs, estimator = "MLR"))),
  entry("mlr_std_lv", "MLR, factors of variance one", list(free_equal = local({
    f <- fits(hs, estimator = "MLR", std.lv = TRUE); tested(f$free, f$equal) }))),
  entry("mlm_schools", "invariance, MLM", list(configural_metric = tested(mlm$configural, mlm$metric),
    metric_scalar = tested(mlm$metric, mlm$scalar), configural_scalar = tested(mlm$configural, mlm$scalar))),
  entry("mlr_schools", "invariance, MLR", c(list(configural_metric = tested(mlr$configural, mlr$metric)), mean_structured)),
  entry("mlr_fiml", "MLR; of x1 rows 1, 14, ... were not answered, of x2 rows 2, 15, ...", list(free_equal = local({
    f <- fits(gaps, estimator = "MLR", missing = "ml"); tested(f$free, f$equal, methods[1:2]) }))),
  entry("mlr_200", "MLR, first 200 rows: a negative scaling factor", list(cross_free = local({
    f <- fits(hs[1:200, ], estimator = "MLR"); tested(f$cross, f$free) }))))
write_json(list(topic = "differences", made_by = "differences.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan"))), entries = entries),
           "differences.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
