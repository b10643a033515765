# Writes model_variants.json: structural models with lavaan whose tables, scores and indices need care.
# Rscript model_variants.R <folder with data> > model_variants.json
suppressMessages({library(lavaan); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
hs <- read.csv(file.path(folder, "HolzingerSwineford1939.csv"))
bfi <- read.csv(file.path(folder, "bfi.csv"))
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
scored <- function(fit) lapply(c(regression = "regression", bartlett = "Bartlett"), function(method) {
  found <- lavPredict(fit, method = method)
  if (is.list(found)) found <- do.call(rbind, lapply(found, unclass))
  as.list(colSums(unclass(found)^2))
})
changed <- function(fit) {
  found <- modindices(fit, sort. = TRUE)
  found <- found[!is.na(found$mi) & found$mi > 0.01, ]
  if (is.null(found$group)) found$group <- 1L
  # paths to observed predictors that are taken as given are no modification
  given <- lavNames(fit, "ov.x")
  as.list(head(found[!(found$op == "~" & found$lhs %in% given), c("lhs", "op", "rhs", "group", "mi", "epc", "sepc.all")], 15))
}
tested <- function(fit) { found <- lavTestScore(fit); list(univariate = found$uni$X2, total = found$test$X2) }
entry <- function(id, what, model, data, dataset, preprocessing, also = c(), ...) {
  fit <- cfa(model, data = data, ...)
  values <- list(model = model, nobs = lavInspect(fit, "ntotal"), fit = as.list(fitMeasures(fit)),
                 parameters = as.list(parameterEstimates(fit, standardized = TRUE, remove.nonfree = FALSE)))
  if ("scores" %in% also) values$score_sumsq <- scored(fit)
  if ("changes" %in% also) values$modification_indices <- changed(fit)
  if ("tests" %in% also) values$score_tests <- tested(fit)
  list(id = id, dataset = list(paste0("data/", dataset, ".csv")), what = what, preprocessing = preprocessing, values = values)
}
H <- "HolzingerSwineford1939"
causes <- paste0(three, "\nvisual ~ sex + ageyr\ntextual ~ sex + ageyr\nspeed ~ sex + ageyr")
through <- paste0(three, "\ntextual ~ a*visual\nspeed ~ b*textual + c*visual\nind := a*b\ntotal := c + ind")
entries <- list(
  entry("predicted_item", "an item that a predictor reaches directly", paste0(three, "\nvisual ~ sex\nx3 ~ sex"), hs, H, "none",
        c("scores", "changes")),
  entry("causes", "factors with observed predictors", causes, hs, H, "none", c("scores", "changes")),
  entry("causes_free", "the same, moments of predictors modelled", causes, hs, H, "none", "changes", fixed.x = FALSE),
  entry("causes_free_mlr", "the same, MLR", causes, hs, H, "none", c(), fixed.x = FALSE, estimator = "MLR"),
  entry("causes_free_mlm", "the same, MLM", causes, hs, H, "none", c(), fixed.x = FALSE, estimator = "MLM"),
  entry("causes_free_groups", "the same, one cause in two groups, scalar", paste0(three, "\nvisual ~ sex + ageyr"), hs, H, "none", "tests",
        fixed.x = FALSE, group = "school", group.equal = c("loadings", "intercepts")),
  entry("observed_outcomes", "observed outcomes of factors", paste0(three, "\nageyr ~ visual + textual\nsex ~ visual + speed"), hs, H, "none",
        c("scores", "changes"), meanstructure = TRUE),
  entry("mediation_factors", "mediation among factors", through, hs, H, "none", c("scores", "changes")),
  entry("mediation_path", "mediation among observed variables", "x4 ~ a*x1 + x2\nx7 ~ b*x4 + x1\nind := a*b", hs, H, "none", "changes"),
  entry("fixed_loadings", "equal loadings by number", "visual =~ x1 + 1*x2 + 1*x3\ntextual =~ x4 + 1*x5 + 1*x6\nspeed =~ 1*x7 + 1*x8 + 1*x9",
        hs, H, "none", "changes"),
  entry("second_order", "second-order factor", paste0(three, "\ng =~ visual + textual + speed"), hs, H, "none", c("scores", "changes")),
  entry("single_item", "a factor with one item", paste0(three, "\nage =~ ageyr\nvisual ~ age"), hs, H, "none", "scores"),
  entry("equal_means", "equal means of factors", three, hs, H, "none", "tests", group = "school",
        group.equal = c("loadings", "intercepts", "means")),
  entry("equal_all", "everything equal, MLR", three, hs, H, "none", "tests", group = "school", estimator = "MLR",
        group.equal = c("loadings", "intercepts", "residuals", "lv.variances", "lv.covariances", "means")),
  entry("equal_variances_std_lv", "equal unit variances", three, hs, H, "none", "tests", group = "school", std.lv = TRUE,
        group.equal = c("loadings", "intercepts", "lv.variances")),
  entry("five_groups", "scalar invariance in five groups, MLR", "N =~ N1 + N2 + N3 + N4 + N5", bfi, "bfi", "complete cases", "tests",
        group = "education", group.equal = c("loadings", "intercepts"), estimator = "MLR"),
  entry("fiml_given", "missing values, also in given predictors", "N =~ N1 + N2 + N3 + N4 + N5\nN ~ education + age", bfi, "bfi", "none",
        c("scores", "changes"), missing = "ml", estimator = "MLR"),
  entry("fiml_given_ml", "the same, normal theory", "N =~ N1 + N2 + N3 + N4 + N5\nN ~ education + age", bfi, "bfi", "none",
        c(), missing = "ml"),
  entry("fiml_path", "missing values in a path model", "E1 ~ a*A1 + C1\nN1 ~ b*E1 + A1\nab := a*b", bfi, "bfi", "none", c(), missing = "ml"),
  entry("fiml_given_groups", "the same in groups, the first of which begins with a row that is left out",
        "N =~ N1 + N2 + N3 + N4 + N5\nN ~ education", bfi, "bfi", "none", "tests", missing = "ml", estimator = "MLR",
        group = "gender", group.equal = c("loadings", "intercepts")),
  entry("defined_functions", "defined quantities with functions",
        "x9 ~ a*x7\nx8 ~ b*x9 + c*x7 + x1\nab := a*b\nshare := ab/(ab + c)\nlogged := log(b^2)\nroot := sqrt(a) - exp(-b)",
        hs, H, "none", c()),
  entry("ordered_mediation", "mediation among factors of ordered items",
        "E =~ E1+E2+E3+E4+E5\nN =~ N1+N2+N3+N4+N5\nO =~ O1+O2+O3+O4+O5\nN ~ a*E\nO ~ b*N + c*E\nab := a*b\ntotal := c + ab",
        bfi, "bfi", "complete cases", "changes", estimator = "WLSMV", ordered = TRUE),
  entry("ordered_factors", "two factors of ordered items", "E =~ E1+E2+E3+E4+E5\nN =~ N1+N2+N3+N4+N5", bfi, "bfi",
        "complete cases", "changes", estimator = "WLSMV", ordered = TRUE, std.lv = TRUE),
  entry("ordered_groups", "ordered items in two groups, equal thresholds and loadings", "N =~ N1+N2+N3+N4+N5", bfi, "bfi",
        "complete cases", "tests", estimator = "WLSMV", ordered = TRUE, group = "gender",
        group.equal = c("thresholds", "loadings")),
  entry("ordered_equal_means", "the same with equal means of factors", "N =~ N1+N2+N3+N4+N5", bfi, "bfi",
        "complete cases", "tests", estimator = "WLSMV", ordered = TRUE, group = "gender",
        group.equal = c("thresholds", "loadings", "means")),
  entry("orthogonal", "factors that do not covary", three, hs, H, "none", c("scores", "changes"), orthogonal = TRUE),
  entry("orthogonal_but_one", "the same, one covariance named", paste0(three, "\nvisual ~~ textual"), hs, H, "none", c("scores", "changes"),
        orthogonal = TRUE, std.lv = TRUE),
  entry("orthogonal_groups", "factors that do not covary in two groups, scalar, MLR", three, hs, H, "none", "tests",
        group = "school", group.equal = c("loadings", "intercepts", "lv.covariances"), orthogonal = TRUE, estimator = "MLR"),
  entry("orthogonal_outcomes", "predicted factors whose residuals do not covary, beside an observed outcome",
        paste0(three, "\ntextual ~ ageyr\nspeed ~ ageyr\nsex ~ ageyr"), hs, H, "none", "changes", orthogonal = TRUE),
  entry("bifactor", "a general factor beside two that do not covary",
        paste0("textual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\ng =~ ", paste0("x", 1:9, collapse = " + ")),
        hs, H, "none", "scores", orthogonal = TRUE, std.lv = TRUE),
  entry("orthogonal_ordered", "factors of ordered items that do not covary", "E =~ E1+E2+E3+E4+E5\nN =~ N1+N2+N3+N4+N5", bfi, "bfi",
        "complete cases", "changes", estimator = "WLSMV", ordered = TRUE, orthogonal = TRUE),
  entry("fixed_by_label", "a label that a fixed loading carries too",
        "visual =~ a*x1 + a*x2 + x3 + b*x9\nspeed =~ x7 + b*x8 + 0.7*x9 + b*x9", hs, H, "none", "scores"),
  entry("equal_by_constraint", "equality written with ==, in a chain",
        "visual =~ x1 + a*x2 + b*x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + d*x9\nd == b\nb == a\ngap := a - 2*d",
        hs, H, "none", "scores"),
  entry("equal_by_constraint_groups", "the same across two groups, MLR",
        "visual =~ x1 + c(a1, a2)*x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + c(b1, b2)*x8 + x9\na1 == a2\nb1 == b2\nratio := a1/b2",
        hs, H, "none", c(), group = "school", estimator = "MLR"),
  entry("equal_by_constraint_ordered", "the same of ordered items", "N =~ N1 + a*N2 + b*N3 + N4 + N5\na == b", bfi, "bfi",
        "complete cases", c(), estimator = "WLSMV", ordered = TRUE)
)
tolerance <- list(est = list(rtol = 1e-4, atol = 1e-5), se = list(rtol = 1e-3),
  fit = list(chisq = list(rtol = 1e-4, atol = 1e-3), cfi = list(atol = 1e-5), tli = list(atol = 1e-5), rmsea = list(atol = 1e-5),
             rmsea_ci = list(atol = 1e-4), srmr = list(atol = 1e-5), logl = list(atol = 1e-3)),
  std = list(atol = 1e-4), scaled = list(rtol = 1e-3), after = list(rtol = 1e-3))
entries <- lapply(entries, function(e) c(e, list(tolerance = tolerance)))
out <- list(topic = "model_variants", made_by = "model_variants.R", R = R.version.string,
            packages = list(lavaan = as.character(packageVersion("lavaan"))), notes = "lavaan defaults",
            entries = entries)
cat(toJSON(out, auto_unbox = TRUE, digits = NA, na = "null", null = "null"), "\n")
