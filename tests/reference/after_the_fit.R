# Values for codings, marginal means, trends and influence from R. Run from the top of the checkout:
#   Rscript tests/reference/after_the_fit.R
# Packages: lme4, emmeans, jsonlite, splines (base).
suppressMessages({library(lme4); library(emmeans); library(splines)})
folder <- "tests/reference"
read_data <- function(name) {
  frame <- read.csv(file.path(folder, "data", paste0(name, ".csv")))
  meta <- jsonlite::fromJSON(file.path(folder, "data", paste0(name, ".meta.json")),
                             simplifyVector = FALSE)
  for (column in meta$columns) if (!is.null(column$levels))
    frame[[column$name]] <- factor(frame[[column$name]], levels = unlist(column$levels))
  frame
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e6))
rows <- function(m) { m <- unclass(m); lapply(seq_len(nrow(m)), function(i) unname(m[i, ])) }
frame_of <- function(x) as.list(as.data.frame(x))
entry <- function(id, call, values, dataset = NULL, tolerance)
  list(id = id, dataset = as.list(dataset), r_call = call, values = values, tolerance = tolerance)
entries <- list()
add <- function(...) entries[[length(entries) + 1]] <<- entry(...)

# codings
x <- c(0.5, 1, 1.5, 2, 2, 3, 4.5, 5, 7, 8, 11, 13.5)
new <- c(-1, 0.5, 2.5, 6, 13.5, 16)
p <- poly(x, 3); s <- ns(x, df = 4)
bare <- function(b) rows(matrix(as.numeric(b), nrow = nrow(b)))
add("bases", "poly(x, 3); ns(x, df = 4); predict(., new); contr.sum(4); contr.helmert(4)", list(
  x = x, new = new, poly = bare(p), poly_new = bare(predict(p, new)),
  ns = bare(s), ns_new = bare(predict(s, new)), ns1 = bare(ns(x, df = 1)),
  sum = rows(contr.sum(4)), helmert = rows(contr.helmert(4))),
  dataset = "x of the values", tolerance = list(atol = 1e-12))

exam <- read_data("Exam")
model <- function(id, formula, data, dataset, call) {
  m <- lmer(formula, data, control = tight)
  add(id, call, list(fixef = unname(fixef(m)), se = unname(sqrt(diag(as.matrix(vcov(m))))),
                     criterion = unname(REMLcrit(m))),
      dataset = paste0("data/", dataset, ".csv"),
      tolerance = list(fixef = list(rtol = 1e-6), se = list(rtol = 1e-5), criterion = list(atol = 1e-6)))
  m
}
exam$gend_sum <- exam$schgend; contrasts(exam$gend_sum) <- contr.sum(3)
exam$gend_hel <- exam$schgend; contrasts(exam$gend_hel) <- contr.helmert(3)
exam$gend_girls <- relevel(exam$schgend, ref = "girls")
invisible(model("sum_coding", normexam ~ standLRT * gend_sum + (1 | school), exam, "Exam",
  "schgend with contr.sum: normexam ~ standLRT * schgend + (1 | school)"))
invisible(model("helmert_coding", normexam ~ standLRT * gend_hel + (1 | school), exam, "Exam",
  "schgend with contr.helmert: normexam ~ standLRT * schgend + (1 | school)"))
invisible(model("other_reference", normexam ~ gend_girls + (1 | school), exam, "Exam",
  "schgend with reference girls: normexam ~ schgend + (1 | school)"))
curve <- normexam ~ ns(standLRT, df = 3) * sex + poly(schavg, 2) + (1 | school)
invisible(model("curves", curve, exam, "Exam",
  "normexam ~ ns(standLRT, df = 3) * sex + poly(schavg, 2) + (1 | school)"))
curved <- lmer(normexam ~ ns(standLRT, df = 3) * sex + poly(schavg, 2) + (1 | school), exam,
               control = tight)

# marginal means, contrasts and trends, normal reference
m <- lmer(normexam ~ standLRT * schgend + sex + schavg + (standLRT | school), exam, control = tight)
call <- "lmer(normexam ~ standLRT * schgend + sex + schavg + (standLRT | school)); asymptotic df"
emm_options(lmer.df = "asymptotic")
ci <- function(e, ...) frame_of(summary(e, infer = c(TRUE, TRUE), ...))
equal <- suppressMessages(emmeans(m, ~ schgend))
proportional <- suppressMessages(emmeans(m, ~ schgend, weights = "proportional"))
crossed <- suppressMessages(emmeans(m, ~ schgend | sex, at = list(standLRT = c(-1, 1))))
lines <- emtrends(m, ~ schgend, var = "standLRT")
tol <- list(rtol = 1e-5, atol = 1e-8)
add("marginal_means", call, list(
  equal = ci(equal), proportional = ci(proportional), averaged_at = ci(crossed),
  pairs = lapply(c(none = "none", tukey = "tukey", holm = "holm", bonferroni = "bonferroni"),
                 function(a) ci(pairs(equal, adjust = a))),
  reference = ci(contrast(equal, "trt.vs.ctrl", adjust = "none")),
  pairs_by_sex = ci(pairs(crossed, adjust = "none")),
  trends = ci(lines), trend_pairs = ci(pairs(lines, adjust = "none"))),
  dataset = "data/Exam.csv", tolerance = tol)
knots <- suppressMessages(emmeans(curved, ~ sex, at = list(standLRT = -1.5)))
slopes <- suppressMessages(emtrends(curved, ~ standLRT, var = "standLRT",
                                    at = list(standLRT = c(-2, 0, 1)), delta.var = 1e-5))
add("curve_means", "curves: emmeans ~ sex at standLRT = -1.5; emtrends at -2, 0, 1; asymptotic df",
    list(means = ci(knots), trends = ci(slopes)), dataset = "data/Exam.csv",
    tolerance = list(rtol = 1e-5, trends = list(rtol = 1e-4)))

# influence: refits without one group, theta estimated anew
leave_out <- function(id, formula, data, dataset, group) {
  m <- lmer(formula, data, control = tight)
  keys <- unique(as.character(data[[group]]))
  fits <- lapply(keys, function(k) lmer(formula, droplevels(data[data[[group]] != k, ]), control = tight))
  beta <- t(sapply(fits, fixef)); if (nrow(beta) == 1) beta <- t(beta)
  se <- t(sapply(fits, function(f) sqrt(diag(as.matrix(vcov(f)))))); if (nrow(se) == 1) se <- t(se)
  gap <- sweep(-beta, 2, fixef(m), "+")
  cook <- apply(gap, 1, function(d) sum(d * solve(as.matrix(vcov(m)), d)) / length(d))
  add(id, paste0("fresh lmer fits without each level of ", group, ": ", deparse(formula)),
      list(group = group, level = keys, beta = rows(unname(beta)), dfbetas = rows(unname(gap / se)),
           cooks_distance = cook, sigma = sapply(fits, sigma)),
      dataset = paste0("data/", dataset, ".csv"),
      tolerance = list(beta = list(rtol = 1e-5), dfbetas = list(rtol = 1e-4, atol = 1e-5),
                       cooks_distance = list(rtol = 1e-3)))
}
leave_out("influence_slopes", Reaction ~ Days + (Days | Subject), read_data("sleepstudy"),
          "sleepstudy", "Subject")
leave_out("influence_nested", strength ~ 1 + (1 | batch) + (1 | sample), read_data("Pastes"),
          "Pastes", "batch")
leave_out("influence_crossed", diameter ~ 1 + (1 | plate) + (1 | sample), read_data("Penicillin"),
          "Penicillin", "sample")

versions <- sapply(c("lme4", "emmeans", "jsonlite"), function(p) as.character(packageVersion(p)))
out <- list(topic = "after_the_fit", made_by = "after_the_fit.R", R = R.version.string,
            packages = as.list(versions), entries = entries)
writeLines(jsonlite::toJSON(out, auto_unbox = TRUE, digits = NA, pretty = 1, na = "null"),
           file.path(folder, "after_the_fit.json"))
