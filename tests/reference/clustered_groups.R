# A factor in two groups of people who share units: invariance with clustered standard errors and
# tests. Made with R 4.2.2, lavaan 0.6-14. Run in the folder of this file: Rscript clustered_groups.R
suppressMessages({library(lavaan); library(jsonlite)})
lq <- read.csv("data/lq2002.csv")
lq$half <- ifelse(seq_len(nrow(lq)) %% 2 == 1, "odd", "even")
model <- "lead =~ LEAD01 + LEAD02 + LEAD03 + LEAD04 + LEAD05"
steps <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"),
              strict = c("loadings", "intercepts", "residuals"))
fits <- lapply(steps, function(equal) cfa(model, lq, group = "half", cluster = "COMPID",
                                          estimator = "MLR", group.equal = equal))
fitted <- function(fit) list(
  fit = as.list(unclass(fitMeasures(fit))),
  parameters = as.list(as.data.frame(parameterEstimates(fit, standardized = TRUE))))
differs <- function(a, b) { d <- lavTestLRT(fits[[a]], fits[[b]])
  list(chisq = d[2, "Chisq diff"], df = d[2, "Df diff"], p = d[2, "Pr(>Chisq)"]) }
entry <- list(id = "lead_by_half", dataset = list("data/lq2002.csv"),
  what = "LEAD01-LEAD05 of odd and even rows, clustered by company",
  r_call = "cfa(model, group = 'half', cluster = 'COMPID', estimator = 'MLR', group.equal = ...)",
  values = list(model = model, models = lapply(fits, fitted), differences = list(
    metric = differs("configural", "metric"), scalar = differs("metric", "scalar"),
    strict = differs("scalar", "strict"))))
write_json(list(topic = "clustered_groups", made_by = "clustered_groups.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan"))),
                entries = list(entry)),
           "clustered_groups.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null")
