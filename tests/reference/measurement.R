# Standard errors of omega, one-factor fits, method-factor models and a_wg from R. Run from the top
# of the checkout:   Rscript tests/reference/measurement.R
# Packages: lavaan, multilevel, jsonlite.
suppressMessages({library(lavaan); library(multilevel)})
folder <- "tests/reference"
read_data <- function(name) {
  path <- file.path(folder, "data", paste0(name, ".csv"))
  if (!file.exists(path)) path <- file.path("analysis/army-companies/data", paste0(name, ".csv"))
  read.csv(path)
}
entries <- list()
add <- function(id, call, values, dataset, tolerance)
  entries[[length(entries) + 1]] <<- list(id = id, dataset = as.list(paste0("data/", dataset, ".csv")),
    r_call = call, values = values, tolerance = tolerance)
# the tightest convergence that the optimiser confirms
cfa <- function(...) for (tol in c(1e-12, 1e-11, 1e-10)) {
  fit <- suppressWarnings(lavaan::cfa(..., control = list(rel.tol = tol, iter.max = 10000)))
  if (lavInspect(fit, "converged")) return(fit)
}

# omega with its standard error by the delta method
omega_model <- function(items) paste(
  paste0("f =~ ", paste0("l", seq_along(items), "*", items, collapse = " + ")),
  paste0(items, " ~~ e", seq_along(items), "*", items, collapse = "\n"),
  paste0("top := (", paste0("l", seq_along(items), collapse = "+"), ")^2"),
  paste0("omega := top/(top + ", paste0("e", seq_along(items), collapse = "+"), ")"), sep = "\n")
omega_row <- function(fit) { p <- parameterEstimates(fit); p <- p[p$label == "omega", ]
  list(est = p$est, se = p$se, lower = p$ci.lower, upper = p$ci.upper) }
omega_entry <- function(id, name, items, frame, cluster = NULL) {
  frame <- frame[complete.cases(frame[, items]), ]
  model <- omega_model(items)
  ml <- cfa(model, frame, std.lv = TRUE)
  mlm <- cfa(model, frame, std.lv = TRUE, estimator = "MLM")
  v <- list(items = items, n = nobs(ml), ml = omega_row(ml), mlm = omega_row(mlm),
            chisq = unname(fitMeasures(ml, "chisq")), rmsea = unname(fitMeasures(ml, "rmsea")))
  if (!is.null(cluster)) {
    by <- cfa(model, frame, std.lv = TRUE, estimator = "MLR", information = "expected",
              cluster = cluster)
    v$cluster <- omega_row(by)
  }
  add(id, "cfa(f =~ items, std.lv = TRUE); omega := (sum l)^2/((sum l)^2 + sum e); ML, MLM, MLR by cluster",
      v, name, list(est = list(atol = 1e-6), se = list(rtol = 1e-5), chisq = list(atol = 1e-5), rmsea = list(atol = 1e-6)))
}
bfi <- read_data("bfi")
for (i in c("A1", "C4", "C5", "E1", "E2")) bfi[[i]] <- 7 - bfi[[i]]
hs <- read_data("HolzingerSwineford1939"); lq <- read_data("lq2002")
omega_entry("omega_se_bfi_extra", "bfi", paste0("E", 1:5), bfi)
omega_entry("omega_se_hs_all9", "HolzingerSwineford1939", paste0("x", 1:9), hs)
omega_entry("omega_se_lq2002_hostile", "lq2002", paste0("HOSTIL0", 1:5), lq, "COMPID")

# a_wg
awg_entry <- function(id, name, items, group, range) {
  frame <- read_data(name)
  found <- awg(frame[, items], frame[[group]], range = range)
  add(id, "multilevel::awg(items, group, range)", list(items = I(items), group = group, range = range,
      groups = as.character(found$grpid), awg = found$a.wg), name, list(rtol = 1e-10))
}
awg_entry("awg_lq2002_tsig", "lq2002", paste0("TSIG0", 1:3), "COMPID", c(1, 5))
awg_entry("awg_lq2002_hostile", "lq2002", paste0("HOSTIL0", 1:5), "COMPID", c(0, 4))
awg_entry("awg_bh1996_lead", "bh1996", "LEAD", "GRP", c(1, 5))

# unmeasured method factor
method_entry <- function(id, name, traits, frame) {
  items <- unlist(traits)
  frame <- frame[complete.cases(frame[, items]), ]
  text <- paste(sapply(names(traits), function(f) paste(f, "=~", paste(traits[[f]], collapse = " + "))),
                collapse = "\n")
  equal <- paste("method =~", paste0("m*", items, collapse = " + "), "\nmethod ~~ 0*",
                 paste(names(traits), collapse = "\nmethod ~~ 0*"))
  free <- gsub("m\\*", "", equal)
  run <- function(text) {
    fit <- cfa(text, frame, std.lv = TRUE)
    s <- standardizedSolution(fit); m <- s[s$op == "=~" & s$lhs == "method", ]
    list(chisq = unname(fitMeasures(fit, "chisq")), df = unname(fitMeasures(fit, "df")),
         method = setNames(as.list(m$est.std), m$rhs),
         correlations = lapply(which(s$op == "~~" & s$lhs != s$rhs & s$lhs != "method" & s$rhs != "method"),
                               function(i) list(s$lhs[i], s$rhs[i], s$est.std[i])))
  }
  add(id, "cfa(traits); the same with method =~ m*items, orthogonal to the traits; and with free loadings",
      list(items = items, without = run(text), equal = run(paste(text, equal, sep = "\n")),
           free = tryCatch(run(paste(text, free, sep = "\n")), error = function(e) NULL)),
      name, list(chisq = list(atol = 1e-3), method = list(atol = 1e-3), correlations = list(atol = 1e-3)))
}
method_entry("method_bfi_ace", "bfi", list(agree = paste0("A", 1:5), consc = paste0("C", 1:5),
                                           extra = paste0("E", 1:5)), bfi)
method_entry("method_lq2002", "lq2002", list(lead = sprintf("LEAD%02d", 1:11), tsig = paste0("TSIG0", 1:3),
                                             hostile = paste0("HOSTIL0", 1:5)), lq)

versions <- sapply(c("lavaan", "multilevel", "jsonlite"), function(p) as.character(packageVersion(p)))
out <- list(topic = "measurement", made_by = "measurement.R", R = R.version.string,
            packages = as.list(versions), entries = entries)
writeLines(jsonlite::toJSON(out, auto_unbox = TRUE, digits = NA, pretty = 1, na = "null", null = "null"),
           file.path(folder, "measurement.json"))
