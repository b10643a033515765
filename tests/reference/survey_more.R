# Values of bounded calibration, of raking to margins that say much about each other, and of joint
# tests from R. Run from the top of the checkout: Rscript tests/reference/survey_more.R
# Packages: survey, jsonlite.
suppressMessages(library(survey))
folder <- "tests/reference"
d <- read.csv(file.path(folder, "data", "apistrat.csv"))
d$stype <- factor(d$stype, levels = c("E", "H", "M"))
entries <- list()
add <- function(id, call, values, rtol = 1e-8)
  entries[[length(entries) + 1]] <<- list(id = id, dataset = list("data/apistrat.csv"), r_call = call,
    values = values, tolerance = list(default = list(rtol = rtol)))
both <- function(x) list(est = unname(as.numeric(coef(x))), se = unname(as.numeric(SE(x))))
strata <- svydesign(id = ~1, strata = ~stype, weights = ~pw, fpc = ~fpc, data = d)

schools <- c(E = 4421, H = 755, M = 1018)
totals <- c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, api99 = 4100000)
weighted <- function(made) list(
  weights = unname(weights(made)), mean = both(svymean(~api00 + meals, made)),
  total = both(svytotal(~api00, made)))
add("bounded", "calibrate(d, ~stype+api99, totals, calfun=, bounds=c(0.4, 1.6), epsilon=1e-11)", list(
  schools = as.list(schools), api99 = 4100000, bounds = c(0.4, 1.6),
  linear = weighted(calibrate(strata, ~stype + api99, totals, bounds = c(0.4, 1.6), epsilon = 1e-11)),
  exponential = weighted(calibrate(strata, ~stype + api99, totals, calfun = "raking",
                                   bounds = c(0.4, 1.6), epsilon = 1e-11, maxit = 500)),
  logit = weighted(calibrate(strata, ~stype + api99, totals, calfun = "logit", bounds = c(0.4, 1.6),
                             epsilon = 1e-11, maxit = 500))), rtol = 1e-7)

linear <- svyglm(api00 ~ stype * meals + ell, strata)
logistic <- svyglm((sch.wide == "Yes") ~ stype + ell + meals, strata, family = quasibinomial(),
                   control = glm.control(epsilon = 1e-14, maxit = 100))
joint <- function(fit, terms) { t <- regTermTest(fit, terms); as.numeric(c(t$Ftest, t$df, t$ddf, t$p)) }
add("joint_tests", "regTermTest(svyglm(...), ~stype:meals)", list(
  interaction = joint(linear, ~stype:meals), ell = joint(linear, ~ell),
  logistic = joint(logistic, ~stype)), rtol = 1e-6)

# Who lacks a predictor is outside the domain: a sampling unit without anybody left is not counted.
clusters <- svydesign(id = ~dnum, strata = ~stype, weights = ~pw, data = d, nest = TRUE)
gaps <- lapply(list(strata = strata, clusters = clusters), function(design) {
  fit <- svyglm(api00 ~ avg.ed + acs.core, design)
  test <- svyttest(acs.core ~ awards, design)
  list(coef = both(fit), df = fit$df.residual, n = length(fit$y),
       p = unname(summary(fit)$coefficients[, 4]),
       t_test = as.numeric(c(test$statistic, test$parameter, test$p.value)))
})
add("missing_predictors", "svyglm(api00 ~ avg.ed + acs.core, d); svyttest(acs.core ~ awards, d)", gaps)

effects <- function(design) list(
  total = unname(deff(svytotal(~api00, design, deff = TRUE))),
  by = svyby(~enroll, ~stype, design, svytotal, deff = TRUE)$DEff.enroll)
add("effects_of_totals", "svytotal(~api00, d, deff=TRUE); svyby(~enroll, ~stype, d, svytotal, deff=TRUE)",
    list(strata = effects(strata), clusters = effects(clusters)))

# Weights of very different size, cut; once they are calibrated, their standard errors stay so.
uneven <- svydesign(id = ~1, strata = ~stype, weights = ~I(pw * sqrt(enroll) / 20), data = d)
known <- calibrate(uneven, ~stype, c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018))
cut_to <- function(design, ...) {
  made <- trimWeights(design, ...)
  list(weights = unname(weights(made)), mean = both(svymean(~api00 + meals, made)),
       total = both(svytotal(~api00, made)))
}
add("trimmed", "trimWeights(d, upper=, lower=, strict=FALSE|TRUE)", list(
  schools = as.list(schools), lower = 15, upper = 50, only_upper = 40,
  plain = cut_to(uneven, upper = 50, lower = 15), strict = cut_to(uneven, upper = 50, lower = 15, strict = TRUE),
  upper_plain = cut_to(uneven, upper = 40), upper_strict = cut_to(uneven, upper = 40, strict = TRUE),
  calibrated = cut_to(known, upper = 50, lower = 15, strict = TRUE)))

# svyrecvar sweeps raked margins ten times; here three thousand times, which is the projection.
swept <- survey:::svyrecvar
body(swept) <- parse(text = sub("iterations in 1:10)", "iterations in 1:3000)",
                                deparse(body(survey:::svyrecvar)), fixed = TRUE))[[1]]
margin <- function(name, totals) setNames(data.frame(names(totals), unname(totals)), c(name, "Freq"))
margins <- list(comp.imp = c(No = 1365, Yes = 4829), awards = c(No = 2027, Yes = 4167))
raked <- rake(strata, list(~comp.imp, ~awards), Map(margin, names(margins), margins),
              control = list(epsilon = 1e-12, maxit = 500))
ten <- both(svymean(~api00, raked))
assignInNamespace("svyrecvar", swept, "survey")
add("raked_related", "rake(d, list(~comp.imp, ~awards), ...); svymean(~api00)", list(
  margins = lapply(margins, as.list), weights = unname(weights(raked)), ten_sweeps = ten,
  mean = both(svymean(~api00, raked))), rtol = 1e-7)

jsonlite::write_json(list(topic = "survey_more", made_by = "survey_more.R", R = R.version.string,
  packages = list(survey = as.character(packageVersion("survey"))), entries = entries),
  file.path(folder, "survey_more.json"), auto_unbox = TRUE, digits = NA, pretty = FALSE)
