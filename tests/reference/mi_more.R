# Values of pooled analyses that the file mi.json does not hold: explained variance, generalised
# linear models, random slopes. Run from the top of the checkout: Rscript tests/reference/mi_more.R
# Packages: mice, mitml, lme4, jsonlite.
suppressMessages({library(mice); library(mitml); library(lme4)})
folder <- "tests/reference"
read <- function(name) {
  d <- read.csv(file.path(folder, "data", paste0(name, ".csv")))
  split(d, d[[1]])
}
entries <- list()
add <- function(id, data, call, values, rtol)
  entries[[length(entries) + 1]] <<- list(id = id, dataset = list(paste0("data/", data, ".csv")),
    r_call = call, values = values, tolerance = list(default = list(rtol = rtol)))
bare <- function(...) unname(as.numeric(unlist(list(...))))
as_result <- function(fits) { class(fits) <- c("mitml.result", "list"); fits }

# pool.r.squared rounds the normal quantile to 1.96; here the same with qnorm(0.975).
explained <- function(id, formula) {
  fits <- lapply(read("nhanes_imputed"), function(d) lm(formula, d))
  ends <- function(adjusted) {
    r <- sapply(fits, function(f) summary(f)[[if (adjusted) "adj.r.squared" else "r.squared"]])
    p <- pool.scalar(atanh(sqrt(r)), 1 / (sapply(fits, nobs) - 3))
    found <- pool.r.squared(as.mira(fits), adjusted = adjusted)
    stopifnot(abs(tanh(p$qbar + 1.96 * sqrt(p$t))^2 - found[3]) < 1e-12)
    bare(found[1], tanh(p$qbar + c(-1, 1) * qnorm(0.975) * sqrt(p$t))^2, found[4])
  }
  add(id, "nhanes_imputed", "mice::pool.r.squared(fits, adjusted=FALSE|TRUE)", list(
    formula = deparse1(formula), plain = ends(FALSE), adjusted = ends(TRUE)), 1e-7)
}
explained("explained_chl", chl ~ age + bmi)
explained("explained_bmi", bmi ~ age + hyp + chl)

tests <- function(full, null, methods) lapply(setNames(nm = methods), function(method)
  bare(testModels(full, null, method = method)$test))
general <- function(id, data, formula, null, family) {
  fit <- function(f) as_result(lapply(read(data), function(d)
    glm(f, d, family = family, control = glm.control(epsilon = 1e-14, maxit = 100))))
  full <- fit(formula)
  made <- summary(pool(as.mira(full), dfcom = df.residual(full[[1]])), conf.int = TRUE)
  add(id, data, "mice::pool(fits, dfcom=); mitml::testModels(fits, fits0, method=)", list(
    formula = deparse1(formula), null = deparse1(null), family = family,
    df_complete = df.residual(full[[1]]),
    pooled = list(estimate = made$estimate, std_error = made$std.error, df = made$df,
                  p_value = made$p.value, conf_low = made$`2.5 %`, conf_high = made$`97.5 %`),
    tests = tests(full, fit(null), c("D1", "D2"))), 1e-6)
}
general("logistic_hyp", "nhanes_imputed", I(hyp - 1) ~ bmi + chl, I(hyp - 1) ~ 1, "binomial")
general("poisson_popular", "popmis_imputed", round(popular) ~ sex + texp, round(popular) ~ sex, "poisson")

stacked <- function(id, data, formula, null, family) {
  d <- read(data)
  fit <- function(f) as_result(lapply(d, function(x) if (family == "gaussian")
    do.call("lm", list(f, x)) else do.call("glm", list(f, family, x, epsilon = 1e-14, maxit = 100))))
  add(id, data, "mitml::testModels(fits, fits0, method='D4', data=, ariv='positive')", list(
    formula = deparse1(formula), null = deparse1(null), family = family,
    test = bare(testModels(fit(formula), fit(null), method = "D4", data = d, ariv = "positive")$test)),
    1e-6)
}
stacked("stacked_chl", "nhanes_imputed", chl ~ age + bmi, chl ~ 1, "gaussian")
stacked("stacked_bmi", "nhanes_imputed", bmi ~ age + hyp + chl, bmi ~ age + hyp, "gaussian")
stacked("stacked_sex", "popmis_imputed", sex ~ popular + texp, sex ~ texp, "binomial")

slopes <- function(f) as_result(lapply(read("popmis_imputed"), function(d) lmer(f, d, REML = FALSE,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-3, rhoend = 1e-11)))))
full <- slopes(popular ~ sex + texp + (1 + sex | school))
made <- testEstimates(full, extra.pars = TRUE)
add("random_slope", "popmis_imputed", "mitml::testEstimates(fits, extra.pars=TRUE); testModels(...)", list(
  formula = "popular ~ sex + texp + (1 + sex | school)", null = "popular ~ sex + (1 + sex | school)",
  estimate = bare(made$estimates[, "Estimate"]), std_error = bare(made$estimates[, "Std.Error"]),
  df = bare(made$estimates[, "df"]), riv = bare(made$estimates[, "RIV"]),
  fmi = bare(made$estimates[, "FMI"]),
  variances = bare(made$extra.pars[c("Intercept~~Intercept|school", "sex~~sex|school",
                                     "Residual~~Residual"), 1]),
  tests = tests(full, slopes(popular ~ sex + (1 + sex | school)), c("D1", "D2", "D3"))), 1e-4)

# Linear constraints; numericDeriv makes the covariance of a combination, hence the tolerance.
constrained <- function(id, data, formula, fit, constraints, df_complete) {
  fits <- as_result(lapply(read(data), fit))
  one <- function(...) bare(testConstraints(fits, constraints = constraints, ...)$test)
  add(id, data, "mitml::testConstraints(fits, constraints=, method=, df.com=)", list(
    formula = formula, constraints = constraints, df_complete = df_complete,
    D1 = one(method = "D1"), D1_complete = one(method = "D1", df.com = df_complete),
    D2 = one(method = "D2")), 1e-6)
}
chl <- function(d) lm(chl ~ age + bmi + hyp, d)
constrained("constraint_equal", "nhanes_imputed", "chl ~ age + bmi + hyp", chl, "age - 2*bmi - 20", 21)
constrained("constraint_two", "nhanes_imputed", "chl ~ age + bmi + hyp", chl,
            c("age - 5*bmi", "hyp + 0.5*age - 3"), 21)
constrained("constraint_schools", "popmis_imputed", "popular ~ sex + texp + (1 | school)",
  function(d) lmer(popular ~ sex + texp + (1 | school), d, REML = FALSE, control = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-3, rhoend = 1e-11))),
  c("sex - 10*texp", "texp - 0.08"), 50)

jsonlite::write_json(list(topic = "mi_more", made_by = "mi_more.R", R = R.version.string,
  packages = list(mice = as.character(packageVersion("mice")), mitml = as.character(packageVersion("mitml")),
                  lme4 = as.character(packageVersion("lme4"))), entries = entries),
  file.path(folder, "mi_more.json"), auto_unbox = TRUE, digits = NA, pretty = FALSE)
