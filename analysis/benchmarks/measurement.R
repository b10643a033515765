# Times of lavaan for measurement.py, in seconds, one line per run. Run from the top of the checkout.
suppressMessages(library(lavaan))
runs <- function(name, times, f) {
  for (i in seq_len(times)) cat(name, system.time(f())[["elapsed"]], "\n")
}
three <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
five <- paste(sapply(c("A", "C", "E", "N", "O"), function(k)
  paste(k, "=~", paste0(k, 1:5, collapse = " + "))), collapse = "\n")
items <- as.vector(outer(c("A", "C", "E", "N", "O"), 1:5, paste0))
hs <- read.csv("tests/reference/data/HolzingerSwineford1939.csv")
bfi <- read.csv("tests/reference/data/bfi.csv")
complete <- na.omit(bfi[, items])
two <- "A =~ A1 + A2 + A3 + A4 + A5\nC =~ C1 + C2 + C3 + C4 + C5"
runs("cfa", 20, function() cfa(three, hs))
runs("fiml", 5, function() cfa(two, bfi, estimator = "MLR", missing = "ml"))
runs("dwls", 5, function() cfa(five, complete, ordered = items, estimator = "DWLS"))
runs("wlsmv", 5, function() cfa(five, complete, ordered = items, estimator = "WLSMV"))
cat("version lavaan", as.character(packageVersion("lavaan")), "of R", as.character(getRversion()), "\n")
