# Ordered items in groups of very different size, whose weights then matter. Made with R 4.2.2,
# lavaan 0.6-14. Run in the folder of this file: Rscript uneven_groups.R
suppressMessages({library(lavaan); library(jsonlite)})
bfi <- read.csv("data/bfi.csv")
items <- paste0("N", 1:5)
rows <- bfi[1:500, ]
rows <- rows[complete.cases(rows[c(items, "education")]), ]
rows$some <- ifelse(rows$education == 2, "few", "many")
model <- "N =~ N1 + N2 + N3 + N4 + N5"
fitted <- function(...) cfa(model, rows, group = "some", ordered = items, ...)
fits <- list(configural = fitted(), thresholds = fitted(group.equal = "thresholds"),
             scalar = fitted(group.equal = c("thresholds", "loadings")),
             dwls = fitted(estimator = "DWLS", group.equal = c("thresholds", "loadings")))
values <- function(fit) list(
  nobs = lavInspect(fit, "nobs"), fit = as.list(unclass(fitMeasures(fit))),
  parameters = as.list(as.data.frame(parameterEstimates(fit, standardized = TRUE))),
  standardized = as.list(as.data.frame(standardizedSolution(fit))))
differs <- function(a, b) { d <- lavTestLRT(fits[[a]], fits[[b]])
  list(chisq = d[2, "Chisq diff"], df = d[2, "Df diff"], p = d[2, "Pr(>Chisq)"]) }
entries <- list(list(id = "uneven_groups", dataset = list("data/bfi.csv"),
  what = "N1-N5 of the first 500 rows, complete, by education 2 (54) or another (374)",
  r_call = "cfa(model, group = 'some', ordered = TRUE, group.equal = ...)",
  values = list(model = model, models = lapply(fits, values), differences = list(
    configural_thresholds = differs("configural", "thresholds"),
    thresholds_scalar = differs("thresholds", "scalar")))))
write_json(list(topic = "uneven_groups", made_by = "uneven_groups.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan"))), entries = entries),
           "uneven_groups.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
