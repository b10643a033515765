# Spread of the answers in parts of a questionnaire. Run from the top of the checkout:
# Rscript tests/reference/careless_more.R
# The definition of irv(x, na.rm=TRUE, split=TRUE, num.split=) of the package careless 1.2.2, which
# cuts the columns with cut(1:k, parts); written out with base R. Packages: jsonlite.
folder <- "tests/reference"
d <- read.csv(file.path(folder, "data", "bfi.csv"))
entries <- list()
names <- paste0(rep(c("A", "C", "E", "N", "O"), each = 5), 1:5)
summed <- function(x) list(first20 = unname(x[1:20]), sum = sum(x, na.rm = TRUE),
  sum_sq = sum(x^2, na.rm = TRUE), n_na = sum(is.na(x)))
split_irv <- function(x, parts) {
  at <- cut(seq_len(ncol(x)), parts, labels = FALSE)
  lapply(c(list(seq_len(ncol(x))), split(seq_len(ncol(x)), at)), function(columns)
    summed(apply(x[, columns], 1, sd, na.rm = TRUE)))
}
for (parts in 2:7) for (k in c(25, 16)) entries[[length(entries) + 1]] <- list(
  id = paste("split", k, parts, sep = "_"), dataset = list("data/bfi.csv"),
  r_call = "apply(x[, cut(1:k, parts, labels=FALSE) == j], 1, sd, na.rm=TRUE)",
  values = list(names = names[1:k], parts = parts, irv = unname(split_irv(as.matrix(d[names[1:k]]), parts))),
  tolerance = list(default = list(rtol = 1e-10)))
jsonlite::write_json(list(topic = "careless_more", made_by = "careless_more.R", R = R.version.string,
  packages = list(base = as.character(packageVersion("base"))), entries = entries),
  file.path(folder, "careless_more.json"), auto_unbox = TRUE, digits = NA, pretty = FALSE, na = "null")
