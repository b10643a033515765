# Writes rotation.json: varimax at its maximum (stats::varimax stops early by default), and eigenvalues with SMC.
# Rscript rotation.R <folder with data> > rotation.json
suppressMessages({library(psych); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
bfi <- read.csv(file.path(folder, "bfi.csv"))
hs <- read.csv(file.path(folder, "HolzingerSwineford1939.csv"))
lq <- read.csv(file.path(folder, "lq2002.csv"))
five <- unlist(lapply(c("A", "C", "E", "N", "O"), function(scale) paste0(scale, 1:5)))
entry <- function(id, dataset, items, data, k) {
  x <- na.omit(data[items])
  loadings <- unclass(suppressWarnings(fa(x, nfactors = k, rotate = "none", fm = "minres"))$loadings)
  capture.output(found <- suppressMessages(fa.parallel(x, plot = FALSE, n.iter = 2, SMC = TRUE, fa = "both")))
  list(id = id, dataset = list(paste0("data/", dataset, ".csv")), what = "varimax with eps = 1e-15; fa.parallel(SMC = TRUE)",
       preprocessing = "complete cases",
       values = list(items = items, n_factors = k, loadings = unclass(stats::varimax(loadings, eps = 1e-15)$loadings)[, ],
                     stats_default = unclass(stats::varimax(loadings)$loadings)[, ], eigenvalues_smc = found$fa.values),
       tolerance = list(loadings = list(atol = 1e-4), eigenvalues = list(rtol = 1e-9)))
}
entries <- list(
  entry("bfi_6", "bfi", five, bfi, 6),
  entry("hs_2", "HolzingerSwineford1939", paste0("x", 1:9), hs, 2),
  entry("lead_2", "lq2002", sprintf("LEAD%02d", 1:11), lq, 2)
)
out <- list(topic = "rotation", made_by = "rotation.R", R = R.version.string,
            packages = list(psych = as.character(packageVersion("psych"))), entries = entries)
cat(toJSON(out, auto_unbox = TRUE, digits = NA, na = "null", null = "null"), "\n")
