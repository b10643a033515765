# Quantities defined in a model, with their standardised values and standard errors. Made with
# R 4.2.2, lavaan 0.6-14. Run in the folder of this file: Rscript defined.R
suppressMessages({library(lavaan); library(jsonlite)})
hs <- read.csv("data/HolzingerSwineford1939.csv")
bfi <- read.csv("data/bfi.csv")
entry <- function(id, what, call, dataset, model, fit)
  list(id = id, dataset = list(dataset), what = what, r_call = call, values = list(
    model = model, nobs = lavInspect(fit, "nobs"),
    parameters = as.list(as.data.frame(parameterEstimates(fit, standardized = TRUE))),
    standardized = as.list(as.data.frame(standardizedSolution(fit)))))
measured <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\n"
one <- paste0(measured, "textual ~ a*visual\nspeed ~ b*textual + c*visual\n",
              "indirect := a*b\ntotal := c + a*b\nshare := indirect/total")
two <- paste0(measured, "textual ~ c(a1, a2)*visual\nspeed ~ c(b1, b2)*textual\n",
              "first := a1*b1\nsecond := a2*b2\ngap := first - second")
ordered <- paste0("A =~ A1 + A2 + A3 + A4 + A5\nE =~ E1 + E2 + E3 + E4 + E5\n",
                  "C =~ C1 + C2 + C3 + C4 + C5\nE ~ a*A\nC ~ b*E + c*A\nindirect := a*b")
items <- c(paste0("A", 1:5), paste0("E", 1:5), paste0("C", 1:5))
bfi <- bfi[complete.cases(bfi[items]), ]
entries <- list(
  entry("defined_ml", "indirect, total and share of an effect", "sem(model)",
        "data/HolzingerSwineford1939.csv", one, sem(one, hs)),
  entry("defined_groups", "indirect effects of two schools and their difference; MLR",
        "sem(model, group = 'school', estimator = 'MLR')", "data/HolzingerSwineford1939.csv",
        two, sem(two, hs, group = "school", estimator = "MLR")),
  entry("defined_wlsmv", "indirect effect among factors of ordered items, complete cases",
        "sem(model, ordered = TRUE)", "data/bfi.csv", ordered,
        sem(ordered, bfi, ordered = TRUE)))
write_json(list(topic = "defined", made_by = "defined.R", R = R.version.string,
                packages = list(lavaan = as.character(packageVersion("lavaan"))), entries = entries),
           "defined.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null")
