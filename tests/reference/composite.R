# Writes composite.json: composite reliability and variance extracted with semTools, also of groups and ordered items.
# Rscript composite.R <folder with data> > composite.json
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
bfi <- read.csv(file.path(folder, "bfi.csv"))
hs <- read.csv(file.path(folder, "HolzingerSwineford1939.csv"))
lq <- read.csv(file.path(folder, "lq2002.csv"))
scale <- function(...) paste(sapply(c(...), function(l) paste0(l, " =~ ", paste0(l, 1:5, collapse = " + "))), collapse = "\n")
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
rows <- function(x) {
  x <- as.data.frame(as.list(x))
  groups <- if (is.null(x$group)) "" else as.character(x$group)
  x$group <- NULL
  unlist(lapply(seq_len(nrow(x)), function(i) lapply(names(x), function(f)
    list(sample = groups[i], factor = f, value = unname(x[i, f])))), recursive = FALSE)
}
entry <- function(id, what, model, data, dataset, ...) {
  fit <- cfa(model, data = data, ...)
  list(id = id, dataset = list(paste0("data/", dataset, ".csv")), what = what, preprocessing = "none",
       values = list(model = model, omega_observed = rows(compRelSEM(fit, obs.var = TRUE)),
                     omega = rows(compRelSEM(fit, obs.var = FALSE)), ave = rows(AVE(fit))),
       tolerance = list(atol = 5e-5))
}
H <- "HolzingerSwineford1939"
entries <- list(
  entry("bfi_five", "five factors, items not reversed", scale("A", "C", "E", "N", "O"), bfi, "bfi"),
  entry("lq_two", "two factors", paste0("H =~ HOSTIL01 + HOSTIL02 + HOSTIL03 + HOSTIL04 + HOSTIL05\n",
        "T =~ TSIG01 + TSIG02 + TSIG03"), lq, "lq2002"),
  entry("hs_school", "two groups", three, hs, H, group = "school"),
  entry("hs_residuals", "a residual covariance", paste0(three, "\nx7 ~~ x8"), hs, H),
  entry("bfi_fiml", "missing values", scale("E", "N"), bfi, "bfi", missing = "ml"),
  entry("bfi_ordered", "ordered items", scale("E", "N"), bfi, "bfi", ordered = TRUE),
  entry("bfi_ordered_gender", "ordered items in two groups", scale("N", "A"), bfi, "bfi", ordered = TRUE, group = "gender")
)
out <- list(topic = "composite", made_by = "composite.R", R = R.version.string,
            packages = list(lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools"))),
            entries = entries)
cat(toJSON(out, auto_unbox = TRUE, digits = NA, na = "null", null = "null"), "\n")
