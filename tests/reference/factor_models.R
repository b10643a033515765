# Writes factor_models.json: factor and path models with lavaan, beyond the shared reference.
# Rscript factor_models.R <folder with data> > factor_models.json
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
hs <- read.csv(file.path(folder, "HolzingerSwineford1939.csv"))
bfi <- read.csv(file.path(folder, "bfi.csv"))
holes <- hs
# every row misses what its number says, so that the holes can be made again anywhere
for (j in 1:9) holes[(hs$id * (j + 3)) %% 11 == j %% 5, paste0("x", j)] <- NA
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
entry <- function(id, what, model, data, dataset, preprocessing, ...) {
  fit <- cfa(model, data = data, ...)
  measures <- as.list(fitMeasures(fit))
  list(id = id, dataset = list(paste0("data/", dataset, ".csv")), what = what,
       preprocessing = preprocessing,
       values = list(model = model, nobs = lavInspect(fit, "ntotal"), fit = measures,
                     parameters = as.list(parameterEstimates(fit, standardized = TRUE, remove.nonfree = FALSE))))
}
hole_text <- "x_j (j = 1..9) is missing where (id * (j + 3)) mod 11 = j mod 5"
entries <- list(
  entry("regressions_among_factors", "structural model among factors",
        paste0(three, "\nspeed ~ visual + textual + ageyr\ntextual ~ visual"), hs, "HolzingerSwineford1939", "none"),
  entry("equality_labels", "equal loadings by label and a fixed covariance",
        "visual =~ x1 + a*x2 + a*x3\ntextual =~ x4 + b*x5 + b*x6\nspeed =~ NA*x7 + x8 + x9\nspeed ~~ 1*speed\nvisual ~~ 0*speed\nratio := a/b", hs, "HolzingerSwineford1939", "none"),
  entry("per_group_modifiers", "modifiers per group",
        "visual =~ x1 + c(0.5, 0.6)*x2 + c(v, v)*x3\ntextual =~ x4 + c(p, q)*x5 + x6\nvisual ~~ c(k1, k2)*textual\nchange := k2 - k1",
        hs, "HolzingerSwineford1939", "none", group = "school"),
  entry("fiml_groups_mlr", "missing values in groups, metric, MLR", three, holes, "HolzingerSwineford1939", hole_text,
        group = "school", group.equal = "loadings", missing = "ml", estimator = "MLR"),
  entry("fiml_ml", "missing values, normal theory", three, holes, "HolzingerSwineford1939", hole_text, missing = "ml"),
  entry("mlr_clusters_factors", "factors with clustered rows", three, hs, "HolzingerSwineford1939",
        "none", estimator = "MLR", cluster = "agemo"),
  entry("single_indicator", "a factor with one item", paste0(three, "\nage =~ ageyr\nvisual ~ age"), hs, "HolzingerSwineford1939", "none"),
  entry("mlm_groups_scalar", "scalar invariance, MLM", three, hs, "HolzingerSwineford1939", "none",
        group = "school", group.equal = c("loadings", "intercepts"), estimator = "MLM"),
  entry("std_lv_groups_metric", "unit factor variances, metric", three, hs, "HolzingerSwineford1939", "none",
        group = "school", group.equal = "loadings", std.lv = TRUE),
  entry("partial_scalar_mlr", "scalar but two intercepts", three, hs, "HolzingerSwineford1939", "none", group = "school",
        group.equal = c("loadings", "intercepts"), group.partial = c("x3~1", "x7~1"), estimator = "MLR"),
  entry("equal_latent_part", "equal loadings, factor variances and covariances", three, hs, "HolzingerSwineford1939", "none",
        group = "school", group.equal = c("loadings", "lv.variances", "lv.covariances")),
  entry("second_order_std_lv", "second-order factor, unit variances",
        paste0(three, "\ng =~ visual + textual + speed"), hs, "HolzingerSwineford1939", "none", std.lv = TRUE),
  entry("growth_curve", "fixed loadings and means of factors",
        "i =~ 1*x1 + 1*x2 + 1*x3\ns =~ 0*x1 + 1*x2 + 2*x3\ni ~ 1\ns ~ 1\nx1 ~ 0*1\nx2 ~ 0*1\nx3 ~ 0*1\ns ~~ 0*s\ni ~~ 0*s", hs, "HolzingerSwineford1939", "none"),
  entry("path_mlm", "path model with given predictors, MLM",
        "x9 ~ x7 + b*x4\nx4 ~ a*x1 + ageyr\nab := a*b", hs, "HolzingerSwineford1939", "none", estimator = "MLM"),
  entry("bfi_five_factors_mlr", "25 items, five factors, MLR",
        "A =~ A1+A2+A3+A4+A5\nC =~ C1+C2+C3+C4+C5\nE =~ E1+E2+E3+E4+E5\nN =~ N1+N2+N3+N4+N5\nO =~ O1+O2+O3+O4+O5",
        bfi, "bfi", "complete cases", estimator = "MLR")
)
tolerance <- list(est = list(rtol = 1e-4, atol = 1e-5), se = list(rtol = 1e-3),
  fit = list(chisq = list(rtol = 1e-4, atol = 1e-3), cfi = list(atol = 1e-5), tli = list(atol = 1e-5), rmsea = list(atol = 1e-5),
             rmsea_ci = list(atol = 1e-4), srmr = list(atol = 1e-5), logl = list(atol = 1e-3)),
  std = list(atol = 1e-4), scaled = list(rtol = 1e-3))
entries <- lapply(entries, function(e) c(e, list(tolerance = tolerance)))
out <- list(topic = "factor_models", made_by = "factor_models.R", R = R.version.string,
            packages = list(lavaan = as.character(packageVersion("lavaan"))), notes = "lavaan defaults",
            entries = entries)
cat(toJSON(out, auto_unbox = TRUE, digits = NA, na = "null", null = "null"), "\n")
