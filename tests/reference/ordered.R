# Reference values for ordered items that the topic files do not have. Made with R 4.2.2, lavaan 0.6-14.
# Run in the folder of this file: Rscript ordered.R
suppressMessages({library(lavaan); library(jsonlite)})
bfi <- read.csv("data/bfi.csv")
agree <- paste0("A", 1:5); consc <- paste0("C", 1:5); extra <- paste0("E", 1:5)
entry <- function(id, what, call, values)
  list(id = id, dataset = list("data/bfi.csv"), what = what, r_call = call, values = values)

moments <- function(x, ...) {
  fit <- lavCor(x, ordered = names(x), output = "fit", se = "standard", estimator = "WLSMV", ...)
  gamma <- lavInspect(fit, "gamma")
  list(n = lavInspect(fit, "nobs"), thresholds = as.numeric(lavInspect(fit, "sampstat")$th),
       correlations = unclass(unname(lavInspect(fit, "sampstat")$cov)),
       gamma_diagonal = as.numeric(diag(gamma)), gamma_row_sums = as.numeric(rowSums(gamma)))
}
complete <- bfi[complete.cases(bfi[c(agree, consc)]), c(agree, consc)]
two <- as.data.frame(lapply(bfi[1:300, agree], function(x) 1 + (x > 5)))
two <- two[complete.cases(two), ]
uneven <- bfi[1:400, c("E1", "E2", "E3", "N1")]
uneven$E2 <- pmin(uneven$E2, 3); uneven$E3 <- 1 + (uneven$E3 > 3)
uneven <- uneven[complete.cases(uneven), ]
pair <- data.frame(a = rep(1:2, c(40, 60)), b = c(rep(1, 40), rep(1:2, c(25, 35))))

model <- "A =~ A1 + A2 + A3 + A4 + A5"
gender <- bfi[complete.cases(bfi[c(agree, "gender")]), ]
by_gender <- function(...) cfa(model, gender, group = "gender", ordered = agree, ...)
fits <- list(configural = by_gender(), thresholds = by_gender(group.equal = "thresholds"),
             scalar = by_gender(group.equal = c("thresholds", "loadings")),
             loadings = by_gender(group.equal = "loadings"))
fitted <- function(fit) list(
  nobs = lavInspect(fit, "nobs"), fit = as.list(unclass(fitMeasures(fit))),
  parameters = as.list(as.data.frame(parameterEstimates(fit, standardized = TRUE))),
  standardized = as.list(as.data.frame(standardizedSolution(fit))))
differs <- function(a, b) { d <- lavTestLRT(fits[[a]], fits[[b]])
  list(chisq = d[2, "Chisq diff"], df = d[2, "Df diff"], p = d[2, "Pr(>Chisq)"]) }

entries <- list(
  entry("wlsmv_by_gender", "A1-A5 by gender, complete cases; delta parameterisation",
        "cfa(model, group = 'gender', ordered = TRUE, group.equal = ...)",
        list(model = model, models = lapply(fits, fitted), differences = list(
          configural_thresholds = differs("configural", "thresholds"),
          thresholds_scalar = differs("thresholds", "scalar"),
          configural_loadings = differs("configural", "loadings")))),
  entry("wlsmv_small", "A1-A5, first 200 complete rows of A1-A5 and gender; std.lv",
        "cfa(model, ordered = TRUE, std.lv = TRUE)",
        fitted(cfa(model, gender[1:200, ], ordered = TRUE, std.lv = TRUE))),
  entry("moments_bfi_ac", "thresholds, polychorics, Gamma; complete on A1-A5, C1-C5",
        "lavCor(x, ordered, output = 'fit', estimator = 'WLSMV')", moments(complete)),
  entry("moments_uneven", "rows 1-400 of E1, E2 (cut at 3), E3 (> 3), N1; complete", "as above", moments(uneven)),
  entry("moments_two", "rows 1-300 of A1-A5, each > 5 against the rest; complete", "as above", moments(two)),
  entry("cell_empty", "2 x 2 table 40, 0, 25, 35", "lavCor(x, ordered = c('a', 'b'))",
        list(rho = lavCor(pair, ordered = c("a", "b"))[1, 2])),
  entry("polychoric_pairwise", "polychorics, all rows with any answer", "lavCor(x, ordered, missing = 'pairwise')",
        list(correlations = unclass(unname(lavCor(bfi[agree], ordered = agree, missing = "pairwise")))))
)
write_json(list(topic = "ordered", made_by = "ordered.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan"))), entries = entries),
           "ordered.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
